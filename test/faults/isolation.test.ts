import { expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { notingErrors } from "../support/between.ts";
import { jobsByStatus } from "../support/job-rows.ts";
import { testPool } from "../support/pool.ts";
import { testQueue, type TestStore } from "../support/queue.ts";

const WAIT = { timeout: 100_000, interval: 20 };
const [WORKERS, DRAINS, PRODUCERS, JOBS] = [4, 2, 4, 1_000];

const queue = await testQueue();

test.each(["serializable", "repeatable read"])(
  "19: where %s is the database's default, workers, drains and producers at once lose nothing and run nothing twice",
  async (level) => {
    const [row] = await queue.rows("SELECT current_database() AS name");
    await queue.rows(
      `ALTER DATABASE ${String(row?.["name"])} SET default_transaction_isolation = '${level}'`,
    );
    const warnings: string[][] = [];
    const conflicts: unknown[] = [];
    const openStore = (): TestStore => {
      const pool = testPool(queue.url, { max: 4 });
      onTestFinished(() => pool.end());
      const own: string[] = [];
      warnings.push(own);
      return new PgJobStore(notingErrors(conflicts)(pgExecutor(pool)), {
        logger: { ...silentLogger, warn: (text) => void own.push(text) },
      });
    };
    const starts: string[] = [];
    const handlers = { a: ({ job }: { job: { id: string } }) => void starts.push(job.id) };
    for (let count = 0; count < WORKERS; count += 1) {
      const worker = new Worker({ concurrency: 10, store: openStore(), env: {}, handlers }).start();
      onTestFinished(() => worker.stop({ graceMs: 0 }));
    }
    let enqueued = 0;
    const produce = async (store: TestStore): Promise<string[]> => {
      const ids: string[] = [];
      for (let count = 0; count < JOBS / PRODUCERS; count += 1) {
        ids.push((await store.enqueue("a", { count })).id);
        enqueued += 1;
      }
      return ids;
    };
    const drain = async (store: TestStore): Promise<void> => {
      while (enqueued < JOBS) {
        expect(await drainOnce({ store, handlers, budgetMs: 5_000, maxJobs: 20 })).toMatchObject({
          unsettled: 0,
          // Its budget where the machine is busy: it loses three turns of four to the workers.
          stoppedBy: expect.stringMatching(/^(?:empty|maxJobs|budget)$/) as string,
        });
      }
    };
    const [ids] = await Promise.all([
      Promise.all(Array.from({ length: PRODUCERS }, () => produce(openStore()))),
      Promise.all(Array.from({ length: DRAINS }, () => drain(openStore()))),
    ]);
    await expect.poll(() => jobsByStatus(queue), WAIT).toEqual({ DONE: JOBS });
    console.log(`19, ${level}: ${conflicts.length} conflicts over ${JOBS} jobs`);
    // Each was retried where it came up, and none reached its caller.
    for (const conflict of conflicts) expect(conflict).toMatchObject({ code: "40001" });
    expect(conflicts.length).toBeGreaterThan(0);
    expect(starts.sort()).toEqual(ids.flat().sort());
    for (const own of warnings) expect(own.length, own.join("; ")).toBeLessThanOrEqual(1);
    expect(warnings.flat().join()).toContain("default_transaction_isolation");
  },
);
