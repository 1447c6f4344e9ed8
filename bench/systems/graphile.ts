import { Logger, makeWorkerUtils, run } from "graphile-worker";

import { payloads, type Payload } from "./payload.ts";
import type { Background, System } from "./system.ts";

const TASK = "bench";
const logger = new Logger(() => () => undefined);

/** Its documentation's page on performance, and its own perfTest. */
const preset = {
  worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
};

const COLUMNS: Readonly<Record<Background, string>> = {
  // It deletes what is done: what stays in its table is what has failed for good.
  finished: "now() - interval '1 day', 25, 25, 'bench'",
  future: "now() + interval '1 day', 0, 25, 'bench'",
  ready: "now() - interval '1 day', 0, 25, 'bench'",
  other: "now() - interval '1 day', 0, 25, 'other'",
};

/** graphile-worker. */
export const graphileSystem: System = {
  name: "graphile",
  settings:
    "`localQueue.size` 500, `completeJobBatchDelay` and `failJobBatchDelay` 0, `maxPoolSize` slots + 1",
  sql: {
    open: "SELECT count(*) AS bench_count FROM graphile_worker._private_jobs WHERE attempts < max_attempts",
    unsettled:
      "SELECT count(*) AS bench_count FROM graphile_worker._private_jobs WHERE id = ANY($1::text[]::bigint[])",
    background: (background, rows) => [
      "INSERT INTO graphile_worker._private_tasks (identifier) VALUES ('bench'), ('other') ON CONFLICT DO NOTHING",
      `INSERT INTO graphile_worker._private_jobs (payload, run_at, attempts, max_attempts, task_id)
       SELECT json_build_object('index', n), c.run_at, c.attempts, c.max_attempts, t.id
         FROM (SELECT ${COLUMNS[background]}) AS c (run_at, attempts, max_attempts, identifier)
         JOIN graphile_worker._private_tasks t ON t.identifier = c.identifier
        CROSS JOIN generate_series(1, ${rows}) n`,
    ],
  },
  migrate: async (connectionString) => {
    const utils = await makeWorkerUtils({ connectionString, logger });
    await utils.migrate();
    await utils.release();
  },
  producer: async (connectionString) => {
    const utils = await makeWorkerUtils({ connectionString, logger, maxPoolSize: 10 });
    return {
      enqueue: (index) => utils.addJob(TASK, { index }),
      enqueueMany: (first, count) =>
        utils.addJobs(payloads(first, count).map((payload) => ({ identifier: TASK, payload }))),
      close: () => utils.release(),
    };
  },
  work: (connectionString, { slots, onJob }) =>
    run({
      connectionString,
      concurrency: slots,
      maxPoolSize: slots + 1,
      noHandleSignals: true,
      logger,
      preset,
      taskList: {
        [TASK]: async (payload, { job }) => {
          await onJob(job.id, (payload as Payload).index);
        },
      },
    }),
};
