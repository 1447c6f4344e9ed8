import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { faultyProcess } from "../support/faulty-process.ts";
import { ignoresItsSignal } from "../support/handlers.ts";
import { insertJobs, jobRow } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { timed } from "../support/machine-time.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";

const queue = await testQueue();

test("9: all slots hang and ignore their timeout: each is freed, and as many run again as before", async () => {
  await queue.rows(
    "INSERT INTO jobs (job_type, timeout_seconds, priority) SELECT 'hangs', 1, 1 FROM generate_series(1, 5)",
  );
  await insertJobs(queue, 5);
  let running = 0;
  const all = Promise.withResolvers<undefined>();
  const a = async (): Promise<void> => {
    running += 1;
    if (running === 5) all.resolve(undefined);
    await all.promise;
  };
  await using it = startWorker(queue, { concurrency: 5, handlers: { hangs: ignoresItsSignal, a } });
  await it.log.until("done", 5);
  await it.log.until("retried", 5);
  expect(
    await queue.rows(
      "SELECT status, attempts, locked_at FROM jobs WHERE job_type = 'hangs' GROUP BY 1, 2, 3",
    ),
  ).toEqual([{ status: "READY", attempts: 1, locked_at: null }]);
  expect(it.log.of("retried").every(({ type }) => type === "hangs")).toBe(true);
});

test("9: a drain whose slots all hang returns on budget, and each attempt is accounted for", async () => {
  await insertJobs(queue, 20);
  const { answer: report, tookMs } = await timed(queue, () =>
    drainOnce({
      store: pooledStore(queue),
      handlers: { a: ignoresItsSignal },
      budgetMs: 1_500,
      concurrency: 10,
    }),
  );
  expect(tookMs).toBeLessThan(1_750);
  expect(report).toMatchObject({ stoppedBy: "budget", retried: 10, unsettled: 0, more: true });
  expect(await queue.rows("SELECT 1 FROM jobs WHERE status = 'RUNNING'")).toEqual([]);
});

test("10: a loop that is blocked for three leases: one outcome is recorded, and the zombie's write refused", async () => {
  const id = await queue.insert();
  const zombie = faultyProcess({
    url: queue.url,
    workerId: "zombie",
    leaseMs: 1_000,
    handlers: { a: "blocks for 3 s" },
  });
  await zombie.until("started");
  await using other = startWorker(queue, { leaseMs: 1_000, handlers: { a: () => ({ by: "other" }) } });
  await other.log.until("done");
  const image = await queue.image(id);
  const ended = await Promise.race(
    [zombie.until(`lost a ${id}`), zombie.until(`done a ${id}`)].map(ignoreEnd),
  );
  expect(ended).toBe(`lost a ${id} 1`);
  expect(await queue.image(id)).toBe(image);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 2, result: { by: "other" } });
});

/** Of two lines only one comes. */
const ignoreEnd = (line: Promise<string>): Promise<string> => line.catch(() => new Promise(() => undefined));
