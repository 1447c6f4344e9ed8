import { readFileSync } from "node:fs";

import { Pool } from "pg";
import { beforeAll, describe, expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { Gate } from "../support/handlers.ts";
import { startEmbeddedPostgres, type PostgresBinaries } from "../support/postgres-embedded.ts";
import { postgresWithCron, testWithout } from "./debian-packages.ts";

/** pg_cron fires at full minutes, a minute and a bit after which something is wrong. */
const NEXT_MINUTE = { timeout: 100_000, interval: 250 };
const MINUTES = { timeout: 150_000 };

const installed = postgresWithCron();
if (installed === undefined) testWithout("postgresql-15 postgresql-15-cron", "pg_cron");
else describe("pg_cron", () => scheduled(installed));

/** The one INSERT of a file that has this dedupe key, as a user copies it. */
function statementOf(path: string, dedupeKey: string): string {
  const text = readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
  const [statement, ...others] = text
    .split(/^(?=INSERT INTO)/m)
    .map((part) => part.slice(0, part.indexOf(";") + 1))
    .filter((part) => part.includes(`'${dedupeKey}'`) && part.includes("DO NOTHING"));
  if (statement === undefined || others.length > 0)
    throw new Error(`${path}: not one INSERT of ${dedupeKey}`);
  return statement;
}

function scheduled(binaries: PostgresBinaries): void {
  const readme = statementOf("README.md", "embed:nightly");
  const pattern = statementOf("sql/patterns/enqueue.sql", "report:daily");
  const reportMayEnd = new Gate();
  let pool: Pool;

  const column = async (text: string): Promise<unknown[]> =>
    (await pool.query<unknown[]>({ text, rowMode: "array" })).rows.map(([value]) => value);
  /** Of the first jobs of a type: on a slow machine there may be more by now. */
  const states = (type: string, limit: number): Promise<unknown[]> =>
    column(`SELECT status FROM public.jobs WHERE job_type = '${type}' ORDER BY id LIMIT ${limit}`);
  const runs = (name: string, limit: number): Promise<unknown[]> =>
    column(`SELECT d.status || ': ' || d.return_message FROM cron.job_run_details d JOIN cron.job j USING (jobid)
             WHERE j.jobname = '${name}' AND d.end_time IS NOT NULL ORDER BY d.runid LIMIT ${limit}`);

  beforeAll(async () => {
    const server = await startEmbeddedPostgres(binaries, {
      shared_preload_libraries: "pg_cron",
      "cron.use_background_workers": "on",
      "cron.database_name": "postgres",
    });
    pool = new Pool({ connectionString: server.url });
    pool.on("error", () => undefined); // The server stops while sessions are still ending.
    const executor = pgExecutor(pool);
    const worker = new Worker({
      concurrency: 10,
      store: new PgJobStore(executor),
      handlers: { embed: () => undefined, report: () => reportMayEnd.opened },
      env: {},
    });
    await migrate(executor);
    await pool.query("CREATE EXTENSION pg_cron");
    console.log(
      ...(await column("SELECT version()")),
      ...(await column("SELECT 'pg_cron ' || extversion FROM pg_extension WHERE extname = 'pg_cron'")),
    );
    worker.start();
    return async () => {
      await worker.stop({ graceMs: 0 });
      await pool.end();
      await server.stop();
    };
  });

  test("what README and sql/patterns schedule are jobs that a Worker runs", MINUTES, async () => {
    await pool.query(`SELECT cron.schedule('embed', '* * * * *', $$${readme}$$)`);
    await pool.query(`SELECT cron.schedule('report', '* * * * *', $$${pattern}$$)`);
    await expect.poll(() => states("embed", 1), NEXT_MINUTE).toEqual(["DONE"]);
    await expect.poll(() => states("report", 1), NEXT_MINUTE).toEqual(["RUNNING"]);
  });

  test("the next minute enqueues another, but none beside one that is still running", MINUTES, async () => {
    const [first, second] = ["succeeded: INSERT 0 1", "succeeded: INSERT 0 0"];
    await expect.poll(() => runs("report", 2), NEXT_MINUTE).toEqual([first, second]);
    expect(await states("report", 2)).toEqual(["RUNNING"]);
    await expect.poll(() => states("embed", 2), NEXT_MINUTE).toEqual(["DONE", "DONE"]);
    reportMayEnd.open();
    await expect.poll(() => states("report", 1), NEXT_MINUTE).toEqual(["DONE"]);
  });
}
