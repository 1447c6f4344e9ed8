import { setTimeout as wait } from "node:timers/promises";

import { defineJob } from "../../core/contract.ts";
import { NonRetriableError, RetryAfterError } from "../../core/errors.ts";
import type { SqlExecutor } from "../../core/executor.ts";
import { executor } from "../../core/make-executor.ts";
import type { TableOptions } from "../../core/sql/table-names.ts";
import { PgJobStore } from "../../core/store.ts";
import type { Handlers } from "../../runners/job/handler.ts";
import { Worker } from "../../runners/worker/worker.ts";
import type { Screen } from "./screen.ts";

const jobs = {
  /** What always comes. */
  ping: defineJob<{ n: number }>(),
  /** What fails twice, and now and then for good. */
  flaky: defineJob<{ n: number }>(),
  /** What is under way when its worker dies. */
  slow: defineJob(),
};

const PING_MS = 300;
/** Every so many pings a flaky job, and every so many of those one that fails for good. */
const FLAKY_EVERY = 12;
const LOST_EVERY = 4;
const ROUND_MS = { work: 2_000, rescue: 15_000 };
const KEPT_SECONDS = 3_600;

const handlers = {
  ping: async ({ signal }) => wait(20 + 200 * Math.random(), undefined, { signal }),
  flaky: ({ payload, job }) => {
    if (job.attempts < 3) throw new RetryAfterError(2_000, "503 Service Unavailable");
    if (payload.n % LOST_EVERY === 0) throw new NonRetriableError("410 Gone");
  },
  slow: async ({ signal }) => wait(1_000, undefined, { signal }),
} satisfies Handlers<typeof jobs>;

/**
 * Keeps the dashboard worth watching: jobs come all the time, some fail and are retried, and again and again a worker
 * dies at work, whose jobs another one runs. Ends when it is disposed of.
 */
export function startFlow(base: SqlExecutor, table: TableOptions, screen: Screen): AsyncDisposable {
  const ending = new AbortController();
  const { signal } = ending;
  const options = { jobs, logger: false, ...table } as const;
  const store = new PgJobStore(base, options);
  const { ping, flaky, slow } = handlers;
  // WORKER_ENABLED=false is for applications.
  const usual = { env: {}, shutdownGraceSeconds: 0, shutdownTimeoutSeconds: 2 };
  const steady = new Worker({
    ...usual,
    store,
    handlers: { ping, flaky },
    types: ["ping", "flaky"],
    workerId: "steady",
    concurrency: 4,
  }).start();

  const enqueue = async (): Promise<void> => {
    for (let n = 1; !signal.aborted; n += 1) {
      await store.enqueue("ping", { n });
      if (n % FLAKY_EVERY === 0) await store.enqueue("flaky", { n: n / FLAKY_EVERY });
      await wait(PING_MS, undefined, { signal });
    }
  };
  const killWorkers = async (): Promise<void> => {
    for (let round = 1; !signal.aborted; round += 1) {
      const line = cuttable(base);
      const doomed = new Worker({
        ...usual,
        store: new PgJobStore(line.executor, options),
        types: ["slow"],
        handlers: { slow: async (ctx) => wait(60_000, undefined, { signal: ctx.signal }) },
        workerId: `doomed-${round}`,
        concurrency: 3,
        leaseMs: 5_000,
      }).start();
      await store.enqueueMany([1, 2, 3].map(() => ({ type: "slow", payload: {} })));
      await wait(ROUND_MS.work, undefined, { signal }).finally(() => {
        line.cut();
        // It has nobody to say goodbye to.
        void doomed.stop().catch(() => undefined);
      });
      if (round === 1)
        screen.fact("killed", "worker doomed-1, with 3 jobs: rescuer runs them when their leases end");
      await using _rescuer = new Worker({
        ...usual,
        store,
        types: ["slow"],
        handlers: { slow },
        workerId: "rescuer",
        concurrency: 3,
        reapIntervalSeconds: 1,
      }).start();
      await wait(ROUND_MS.rescue, undefined, { signal });
      await store.prune({ olderThanSeconds: KEPT_SECONDS });
    }
  };
  // Ends with the demo, or with its database, of which the demo's own worker says what there is to say.
  const running = Promise.allSettled([enqueue(), killWorkers()]);
  return {
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await running;
      await steady.stop();
    },
  };
}

/** An executor, and what ends it as a machine ends that loses its power: nothing that it is asked reaches the database. */
function cuttable(base: SqlExecutor): { readonly executor: SqlExecutor; readonly cut: () => void } {
  let isCut = false;
  return {
    executor: executor({
      query: async (text, params, options) => {
        if (isCut) throw new Error("the worker is dead");
        return await base.query(text, params, options);
      },
    }),
    cut: () => {
      isCut = true;
    },
  };
}
