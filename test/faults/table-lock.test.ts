import { describe, expect, onTestFinished, test } from "vitest";

import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { FAULT_DRIVERS, faultClients } from "../support/fault-clients.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const LEASE_MS = 1_000;
const JOBS = 60;

/** Locks the table as CREATE INDEX or ALTER do, until it is let go. */
async function lockTable(mode: string): Promise<() => Promise<unknown>> {
  const { client } = await queue.session();
  await client.query(`BEGIN; LOCK TABLE jobs IN ${mode} MODE`);
  return () => client.query("COMMIT");
}

/** Resolves once nothing that was given up is still under way in the server. */
async function untilNothingWaits(): Promise<void> {
  for (;;) {
    const [{ n } = { n: 1 }] = await queue.rows(
      `SELECT count(*)::int AS n FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'`,
    );
    if (n === 0) return;
  }
}

describe.each(FAULT_DRIVERS)("over %s", (driver) => {
  function openStore(max: number): PgJobStore {
    const client = faultClients[driver](queue.url, max);
    onTestFinished(() => void client.end());
    return new PgJobStore(client.executor);
  }

  test.for(["SHARE", "ACCESS EXCLUSIVE"])(
    "a %s lock for longer than the leases of the workers that it keeps: each job runs once, and none has FAILED",
    async (mode) => {
      await insertJobs(queue, JOBS);
      await queue.rows("UPDATE jobs SET max_attempts = 1");
      const letGo = await lockTable(mode);
      const ran: string[] = [];
      const ended = Promise.withResolvers<undefined>();
      const workers = [1, 2, 3].map(() =>
        new Worker({
          store: openStore(6),
          concurrency: 10,
          env: {},
          leaseMs: LEASE_MS,
          loopError: { delayMs: () => 20 },
          idlePoll: { delayMs: () => 100 },
          onEvent: ({ event }) => {
            // What was picked up for nobody is one or the other in the end.
            if (event === "failed" || event === "reaped") ended.reject(new Error(`a job was ${event}`));
          },
          handlers: {
            a: ({ job }) => {
              ran.push(job.id);
              if (ran.length === JOBS) ended.resolve(undefined);
            },
          },
        }).start(),
      );
      onTestFinished(async () => {
        await Promise.all(workers.map((worker) => worker.stop()));
      });
      // Turns of each have been given up by then, and wait on in the server.
      await queue.rows("SELECT pg_sleep($1)", [(2.2 * LEASE_MS) / 1_000]);
      await letGo();
      await ended.promise;
      await Promise.all(workers.map((worker) => worker.stop()));
      await untilNothingWaits();
      expect(new Set(ran).size).toBe(JOBS);
      expect(await jobsByStatus(queue)).toEqual({ DONE: JOBS });
    },
  );

  test("a lock for longer than the budgets of the drains that it keeps: no attempt is spent, and the next one does all", async () => {
    await insertJobs(queue, JOBS);
    await queue.rows("UPDATE jobs SET max_attempts = 1");
    const letGo = await lockTable("SHARE");
    const handlers = { a: () => undefined };
    const drains = [1, 2, 3].map(() => drainOnce({ store: openStore(4), handlers, budgetMs: 1_000 }));
    expect((await Promise.allSettled(drains)).map(({ status }) => status)).not.toContain("fulfilled");
    await letGo();
    await untilNothingWaits();
    const rows = await queue.rows("SELECT status, attempts, count(*)::int AS n FROM jobs GROUP BY 1, 2");
    expect(rows).toEqual([{ status: "READY", attempts: 0, n: JOBS }]);
    const report = await drainOnce({ store: openStore(4), handlers, budgetMs: 20_000 });
    expect(report).toMatchObject({ done: JOBS, stoppedBy: "empty" });
  });
});
