import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

import { jobRow } from "../support/job-rows.ts";
import { timed } from "../support/machine-time.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";

const queue = await testQueue();
const LEASE_MS = 1_000;
const SCRIPT = fileURLToPath(new URL("../support/worker-process.ts", import.meta.url));

/** A worker in a process of its own, once it has started `count` jobs; answers what kills it. */
async function workerProcess(count: number): Promise<() => Promise<unknown>> {
  const child = spawn(process.execPath, [SCRIPT], {
    env: { ...process.env, WORKER_PROCESS_URL: queue.url, WORKER_PROCESS_LEASE_MS: String(LEASE_MS) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let started = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("started")) started += 1;
    if (started === count) break;
  }
  return () => {
    const dead = once(child, "exit");
    child.kill("SIGKILL");
    return dead;
  };
}

/** The latest of those times, in epoch milliseconds of the database's. */
async function latest(column: string): Promise<number> {
  const [row] = await queue.rows(
    `SELECT (extract(epoch FROM max(${column})) * 1000)::float8 AS ms FROM jobs`,
  );
  return Number(row?.["ms"]);
}

test("the jobs of a process that is killed run again on an idle worker within a lease and two seconds", async () => {
  const ids = [await queue.insert(), await queue.insert()];
  const kill = await workerProcess(2);
  await using idle = startWorker(queue, { leaseMs: LEASE_MS });
  // While that process lives its leases are extended, and nobody takes them.
  await idle.wire.until(() => (idle.wire.turns().length >= 6 ? true : undefined));
  expect(idle.log.events).toEqual([]);
  await kill();
  const leaseEnd = await latest("lease_expires_at");
  const { lostMs } = await timed(queue, () => idle.log.until("done", 2));
  // By the database's clock, less what the machine had no time for.
  expect((await latest("finished_at")) - leaseEnd - lostMs).toBeLessThan(2_000);
  for (const id of ids) expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 2 });
});

test("a job that kills its process every time ends in FAILED", async () => {
  const id = await queue.insert({ max_attempts: "2" });
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const kill = await workerProcess(1);
    await kill();
    await queue.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 s' WHERE id = $1", [id]);
    expect(await queue.store.reapStale()).toHaveLength(1);
  }
  const row = await jobRow(queue, id);
  expect(row).toMatchObject({ status: "FAILED", attempts: 2 });
  expect(row["last_error"]).toContain("lease lost");
});
