import { Pool } from "pg";
import type * as pqrun from "pqrun";
import type * as pqrunMigrate from "pqrun/migrate";
import type * as pqrunPg from "pqrun/pg";

import { payloads, type Payload } from "./payload.ts";
import type { Background, Producer, System } from "./system.ts";

/** The package of this checkout, or the one that a comparison names. */
const built = process.env["PQRUN_BENCH_DIST"] ?? new URL("../../dist/", import.meta.url);

type Pqrun = typeof pqrun & typeof pqrunPg & typeof pqrunMigrate;

/** The package as it is published. */
export async function builtPqrun(): Promise<Pqrun> {
  const parts = ["index.js", "pg.js", "migrate.js"].map(
    async (name): Promise<unknown> => import(new URL(name, built).href),
  );
  return Object.assign({}, ...(await Promise.all(parts))) as Pqrun;
}

const TYPE = "bench";

interface Opened {
  readonly pool: Pool;
  readonly store: pqrun.PgJobStore<
    { readonly bench: pqrun.JobContract<Payload, Payload> },
    pqrunPg.PgTransaction
  >;
}

async function open(url: string): Promise<Opened> {
  const { PgJobStore, defineJob, pgExecutor } = await builtPqrun();
  const pool = new Pool({ connectionString: url });
  const store = new PgJobStore(pgExecutor(pool, { prepare: true }), {
    jobs: { [TYPE]: defineJob<Payload>() },
  });
  return { pool, store };
}

function producerOf({ pool, store }: Opened): Producer {
  return {
    enqueue: (index) => store.enqueue(TYPE, { index }),
    enqueueMany: (first, count) =>
      store.enqueueMany(payloads(first, count).map((payload) => ({ type: TYPE, payload }))),
    close: () => pool.end(),
  };
}

const COLUMNS: Readonly<Record<Background, string>> = {
  finished: `'bench', 'DONE', now() - interval '1 day', now() - interval '1 day', 1`,
  future: `'bench', 'READY', now() + interval '1 day', NULL, 0`,
  ready: `'bench', 'READY', now() - interval '1 day', NULL, 0`,
  other: `'other', 'READY', now() - interval '1 day', NULL, 0`,
};

/** pqrun over pg. */
export const pqrunSystem: System = {
  name: "pqrun",
  settings: "pg with `prepare: true`, defaults",
  sql: {
    open: "SELECT count(*) AS bench_count FROM jobs WHERE status IN ('READY', 'RUNNING')",
    done: "SELECT count(*) AS bench_count FROM jobs WHERE status = 'DONE'",
    unsettled:
      "SELECT count(*) AS bench_count FROM jobs WHERE id = ANY($1::text[]::bigint[]) AND status <> 'DONE'",
    background: (background, rows) => [
      `INSERT INTO jobs (payload, job_type, status, run_after, finished_at, attempts)
       SELECT json_build_object('index', n), ${COLUMNS[background]} FROM generate_series(1, ${rows}) n`,
    ],
  },
  migrate: async (url) => {
    const { migrate, pgExecutor } = await builtPqrun();
    const pool = new Pool({ connectionString: url });
    await migrate(pgExecutor(pool));
    await pool.end();
  },
  producer: async (url) => producerOf(await open(url)),
  work: async (url, { slots, maxBuffer, fastPickup, safetyPollSeconds, onJob }) => {
    const opened = await open(url);
    const { Worker } = await builtPqrun();
    const worker = new Worker({
      store: opened.store,
      concurrency: slots,
      maxBuffer,
      safetyPollSeconds: safetyPollSeconds === 0 ? Infinity : safetyPollSeconds,
      ...(fastPickup === true && { fastPickup }),
      handlers: {
        [TYPE]: async ({ job, payload }) => {
          await onJob(job.id, payload.index);
        },
      },
    }).start();
    return {
      stop: async () => {
        await worker.stop();
        await opened.pool.end();
      },
      enqueue: (index) => producerOf(opened).enqueue(index),
    };
  },
};
