import { expect, test } from "vitest";

import { faultyProcess } from "../support/faulty-process.ts";
import { PHASES, killWorkers } from "../support/killed-workers.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const LEASE_MS = 1_000;

test("1: jobs of a worker that is killed in whatever phase run again within a lease and two seconds", async () => {
  const recoveries = await killWorkers(queue, PHASES, { leaseMs: LEASE_MS, atOnce: PHASES.length });
  expect(recoveries).toHaveLength(PHASES.length);
  for (const { phase, afterLeaseMs, ranAgain } of recoveries) {
    expect(afterLeaseMs ?? 0, phase).toBeLessThan(2_000);
    // The statement that was under way settles, or the jobs run again.
    if (phase !== "settling") expect(ranAgain, phase).toBeGreaterThan(0);
    if (phase === "buffered") expect(ranAgain).toBeGreaterThan(1);
  }
  const rows = await queue.rows("SELECT status, max(attempts)::int AS attempts FROM jobs GROUP BY 1");
  expect(rows).toEqual([{ status: "DONE", attempts: 2 }]);
});

test("1: a worker that is killed while idle takes nothing with it", async () => {
  const idle = faultyProcess({ url: queue.url, handlers: { a: "hangs" } });
  await idle.until("turn");
  idle.kill("SIGKILL");
  expect(await idle.ended).toMatchObject({ signal: "SIGKILL" });
  const id = await queue.insert();
  expect((await queue.store.pickup({ types: ["a"] })).map((job) => job.id)).toEqual([id]);
});
