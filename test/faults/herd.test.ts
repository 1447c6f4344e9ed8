import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { untilIdle, Wire } from "../support/wire.ts";
import { startWorker } from "../support/test-worker.ts";

const queue = await testQueue();

test("16: 500 failures at one moment: their retries are spread over a fifth of the delay", async () => {
  await insertJobs(queue, 500);
  const failing = Promise.withResolvers<never>();
  let running = 0;
  const report = await drainOnce({
    store: pooledStore(queue),
    concurrency: 500,
    budgetMs: 20_000,
    handlers: {
      a: () => {
        running += 1;
        if (running === 500) failing.reject(new Error("what they all need is away"));
        return failing.promise;
      },
    },
  });
  expect(report).toMatchObject({ retried: 500 });
  // A minute ± 10 %, evenly: 12 s, and about 42 in each second of them.
  const [spread] = await queue.rows(`
    SELECT extract(epoch FROM max(run_after) - min(run_after))::float8 AS seconds,
           (SELECT max(n) FROM (SELECT count(*)::int AS n FROM jobs GROUP BY floor(extract(epoch FROM run_after))) x) AS most
      FROM jobs`);
  expect(spread?.["seconds"]).toBeGreaterThan(11);
  expect(spread?.["seconds"]).toBeLessThan(13.5);
  expect(spread?.["most"]).toBeLessThan(100);
});

test("16: 50 idle workers that one NOTIFY wakes share what is due without an error, and nothing runs twice", async () => {
  const wires = Array.from({ length: 5 }, () => new Wire());
  // Each worker keeps one of its pool's connections for LISTEN.
  const stores = wires.map((wire) => pooledStore(queue, { wire, max: 12 }));
  const warnings: unknown[] = [];
  const note = (text: string, facts?: unknown): void => void warnings.push([text, facts]);
  const quiet = (): void => undefined;
  const runs: string[] = [];
  const seen = Promise.withResolvers<undefined>();
  const workers = Array.from({ length: 50 }, (_, n) => {
    const store = stores[n % stores.length];
    if (store === undefined) throw new Error("no store");
    return new Worker({
      store,
      env: {},
      concurrency: 2,
      logger: { debug: quiet, info: quiet, warn: note, error: note },
      idlePoll: { delayMs: () => 600_000 },
      safetyPollSeconds: 600,
      reapIntervalSeconds: 600,
      handlers: { a: ({ job }) => void runs.push(job.id) },
      onEvent: ({ event }) => {
        if (event === "done" && runs.length >= 500) seen.resolve(undefined);
      },
    }).start();
  });
  const guards = (): Promise<unknown[]> => queue.rows("SELECT 1 FROM jobs_waiting WHERE until > now()");
  await expect.poll(guards).toHaveLength(50);
  await Promise.all(wires.map(untilIdle));
  await insertJobs(queue, 500);
  await seen.promise;
  await Promise.all(workers.map((worker) => worker.stop()));
  expect(runs).toHaveLength(500);
  expect(new Set(runs).size).toBe(500);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 500 });
  expect(warnings).toEqual([]);
});

test("15: under a flood of newer jobs of its priority a job waits for those due before it and a buffer, no longer", async () => {
  await insertJobs(queue, 200, "flood");
  const own = await queue.insert({ job_type: "'a'" });
  const order: string[] = [];
  const over = new AbortController();
  const flood = (async () => {
    while (!over.signal.aborted) await insertJobs(queue, 100, "flood");
  })();
  await using it = startWorker(queue, {
    maxBuffer: 50,
    handlers: {
      flood: ({ job }) => void order.push(job.id),
      a: ({ job }) => void order.push(job.id),
    },
  });
  while (!it.log.of("done").some(({ id }) => id === own))
    await it.log.until("done", it.log.of("done").length + 1);
  over.abort();
  await flood;
  expect(order.indexOf(own)).toBeLessThanOrEqual(200 + 50 + 10);
});
