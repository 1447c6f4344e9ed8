import { expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { PythonWorker } from "../support/python-worker.ts";
import { tableDatabase } from "../support/table-database.ts";
import { PYTHON_DDL, PYTHON_ROWS } from "../support/table-python.ts";
import { session } from "../support/table-sessions.ts";

const MIGRATORS = 20;

test(
  "20 migrators upgrade Python's table under its producers and workers, and pqrun's join: no error, nothing lost",
  { timeout: 120_000 },
  async () => {
    await using database = await tableDatabase({ max: 12 });
    await database.rows(`${PYTHON_DDL};${PYTHON_ROWS}`);
    // Rows that Python's workers left RUNNING long ago, and what is due, are work too.
    await database.rows("UPDATE jobs SET locked_at = now() WHERE status = 'RUNNING'");
    const errors: unknown[] = [];
    const made: string[] = [];
    let [migrated, over] = [false, false];
    const noting = async (work: () => Promise<unknown>): Promise<void> => {
      await work().catch((error: unknown) => errors.push(error));
    };
    const produce = async (producer: number): Promise<void> => {
      for (let n = 0; !migrated || n < 50; n += 1) {
        const key = n % 3 === 0 ? `load-${producer}-${n}` : null;
        const [row] = await database.rows(
          `INSERT INTO jobs (job_type, payload, dedupe_key) VALUES ('load', '{}', $1)
           ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING') DO NOTHING RETURNING id::text`,
          [key],
        );
        made.push(String(row?.["id"]));
      }
    };
    const nothing = (): void => undefined;
    const handlers = { load: nothing, summarize: nothing, embed: nothing, mail: nothing };
    const pythons = await Promise.all(
      [1, 2, 3].map((n) => PythonWorker.connect({ url: database.url, name: `python-${n}`, handlers })),
    );
    const working = pythons.map((python) => noting(() => python.run(() => over)));
    const producing = [1, 2, 3].map((n) => noting(() => produce(n)));

    const sessions = await Promise.all(Array.from({ length: MIGRATORS }, () => session(database.url)));
    const reports = await Promise.allSettled(sessions.map(({ executor }) => migrate(executor)));
    migrated = true;
    await Promise.all(sessions.map((one) => one[Symbol.asyncDispose]()));
    expect(reports.filter(({ status }) => status === "rejected")).toEqual([]);

    // Over the new table, beside Python's.
    const store = new PgJobStore(pgExecutor(database.pool));
    {
      await using worker = new Worker({
        concurrency: 10,
        store,
        handlers,
        env: {},
        idlePoll: { delayMs: () => 20 },
      });
      worker.start();
      await noting(() =>
        store.enqueueMany(Array.from({ length: 500 }, () => ({ type: "load", payload: {} }))),
      );
      await Promise.all(producing);
      while (!over) {
        const [row] = await database.rows(
          "SELECT NOT EXISTS (SELECT FROM jobs WHERE job_type = 'load' AND status IN ('READY', 'RUNNING')) AS over",
        );
        over = row?.["over"] === true;
      }
      await Promise.all(working);
      expect(worker.counts).toMatchObject({ lost: 0, retried: 0, failed: 0 });
    }
    await Promise.all(pythons.map((python) => python[Symbol.asyncDispose]()));
    expect(errors).toEqual([]);
    const [load] = await database.rows(
      "SELECT count(*)::int AS n, bool_and(status = 'DONE' AND attempts = 1) AS once FROM jobs WHERE job_type = 'load'",
    );
    expect(load).toEqual({ n: made.length + 500, once: true });
    expect(new Set(made).size).toBe(made.length);
    const [kept] = await database.rows("SELECT count(*)::int AS n FROM jobs WHERE job_type <> 'load'");
    expect(kept).toEqual({ n: 10_000 });
    const invalid = await database.rows(
      "SELECT FROM pg_index WHERE indrelid = 'jobs'::regclass AND NOT indisvalid",
    );
    expect(invalid).toEqual([]);
  },
);
