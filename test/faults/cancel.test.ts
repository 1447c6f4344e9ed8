import { expect, test } from "vitest";

import { raceCancels } from "../support/cancel-race.ts";
import { jobsByStatus } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { abortReason } from "../support/handlers.ts";

const queue = await testQueue();

test("35: of a cancel and a completion at one moment exactly one wins, and both learn which", async () => {
  const { cancelled, done, wrong } = await raceCancels(queue, 200);
  expect(wrong).toEqual([]);
  expect(cancelled + done).toBe(200);
});

test("35: running jobs that are cancelled get their signal; those that ended before are DONE", async () => {
  await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, 40)");
  const reasons: unknown[] = [];
  const release = Promise.withResolvers<undefined>();
  await using it = startWorker(queue, {
    concurrency: 40,
    leaseMs: 1_000,
    handlers: {
      a: async ({ signal, job }) => {
        const aborted = new Promise((resolve) => {
          signal.addEventListener("abort", resolve);
        });
        signal.addEventListener("abort", () => reasons.push(abortReason(signal)));
        await (Number(job.id) % 2 === 0 ? Promise.race([aborted, release.promise]) : aborted);
      },
    },
  });
  await it.log.until("started", 40);
  const ids = (await queue.rows("SELECT id::text FROM jobs")).map(({ id }) => String(id));
  release.resolve(undefined);
  const answers = await Promise.all(ids.map((id) => it.store.cancel(id)));
  const won = answers.filter(({ cancelled }) => cancelled).length;
  await it.log.until("cancelled", won);
  await it.log.until("done", 40 - won);
  expect(await jobsByStatus(queue)).toEqual(
    won === 40 ? { CANCELLED: 40 } : { CANCELLED: won, DONE: 40 - won },
  );
  // Those whose handlers had not ended by themselves.
  expect(reasons.length).toBeGreaterThanOrEqual(20);
  expect(new Set(reasons)).toEqual(new Set(["cancelled"]));
});
