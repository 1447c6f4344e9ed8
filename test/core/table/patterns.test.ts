import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { packageRoot } from "../../../src/migrate/package-root.ts";
import { catalog } from "../../support/table-catalog.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { PYTHON_ROWS } from "../../support/table-python.ts";
import { session, type Session } from "../../support/table-sessions.ts";

const FOLDER = join(packageRoot(), "sql/patterns");
const FILES = readdirSync(FOLDER).sort();
const pattern = (file: string): string => readFileSync(join(FOLDER, file), "utf8");

const COUNTS = "SELECT status, count(*)::int FROM jobs GROUP BY status ORDER BY status";

let database: TableDatabase;
beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  await database.rows("TRUNCATE jobs RESTART IDENTITY");
  await database.rows(PYTHON_ROWS);
});

test("there is a pattern for each need, and each begins by saying what it is for", () => {
  expect(FILES).toEqual([
    "archive.sql",
    "cleanup.sql",
    "enqueue.sql",
    "monitoring.sql",
    "python-guard.sql",
    "roles.sql",
  ]);
  for (const file of FILES) expect(pattern(file)).toMatch(/^-- [A-Z].*[.:]\n--\n/);
});

test.for(FILES)("%s runs as it stands, twice, whatever the search_path", async (file) => {
  await using user = await session(database.url);
  await user.rows("SET search_path = pg_catalog");
  const twice = async (): Promise<void> => {
    await user.rows(pattern(file));
    await user.rows(pattern(file));
  };
  await (file === "roles.sql" ? asInTransaction(user, twice) : twice());
});

test("monitoring.sql only reads, and each of its statements answers", async () => {
  await using user = await session(database.url);
  await user.rows("SET default_transaction_read_only = on");
  const results = (await user.client.query(pattern("monitoring.sql"))) as unknown as {
    command: string;
    rows: unknown[];
  }[];
  expect(results).toHaveLength(10);
  expect(results.map(({ command }) => command)).toEqual(results.map(() => "SELECT"));
  expect(results[0]?.rows).toHaveLength(5);
  expect(results[1]?.rows).toHaveLength(3);
  expect(results[6]?.rows.length).toBeGreaterThan(0);
});

test("enqueue.sql leaves nothing behind", async () => {
  const before = [await database.rows(COUNTS), await catalog(database)];
  await database.rows(pattern("enqueue.sql"));
  expect([await database.rows(COUNTS), await catalog(database)]).toEqual(before);
});

test("enqueue.sql enqueues what it says", async () => {
  await using user = await session(database.url);
  await user.rows("TRUNCATE jobs");
  await user.rows(pattern("enqueue.sql").replace("ROLLBACK;", ""));
  expect(
    await user.rows("SELECT job_type, count(*)::int FROM jobs GROUP BY job_type ORDER BY job_type"),
  ).toEqual([
    { job_type: "embed", count: 1 },
    { job_type: "mail", count: 1 },
    { job_type: "report", count: 1 },
    { job_type: "summarize", count: 2 },
  ]);
  await user.rows("ROLLBACK");
});

/** Jobs 1 to 5 ended in the last days, 6 to 8 long ago; 9 is old and still READY. */
const OLD_JOBS = `
TRUNCATE jobs RESTART IDENTITY;
INSERT INTO jobs (job_type, status, finished_at, updated_at)
SELECT 'embed', (ARRAY['DONE', 'FAILED', 'CANCELLED', 'DONE', 'FAILED', 'DONE', 'FAILED', 'CANCELLED', 'READY'])[n]::job_status,
       CASE WHEN n IN (3, 8, 9) THEN NULL ELSE now() - age * interval '1 day' END, now() - age * interval '1 day'
  FROM (SELECT n, CASE WHEN n <= 5 THEN n ELSE n * 10 END AS age FROM generate_series(1, 9) n) x`;

const IDS = (table: string): string => `SELECT string_agg(id::text, ' ' ORDER BY id) AS ids FROM ${table}`;

test("cleanup.sql deletes what ended more than 30 days ago, cancelled jobs included, and nothing else", async () => {
  await database.rows(OLD_JOBS);
  await database.rows(pattern("cleanup.sql"));
  expect(await database.rows(IDS("jobs"))).toEqual([{ ids: "1 2 3 4 5 9" }]);
});

test("cleanup.sql passes over a row that somebody has locked", async () => {
  await database.rows(OLD_JOBS);
  await using other = await session(database.url);
  await other.rows("BEGIN; SELECT 1 FROM jobs WHERE id = 7 FOR UPDATE");
  await database.rows(pattern("cleanup.sql"));
  await other.rows("ROLLBACK");
  expect(await database.rows(IDS("jobs"))).toEqual([{ ids: "1 2 3 4 5 7 9" }]);
});

test("archive.sql moves them, whole, and loses none", async () => {
  await database.rows(`DROP TABLE IF EXISTS jobs_archive; ${OLD_JOBS}`);
  const [before] = await database.rows(
    "SELECT md5(string_agg(j::text, ',' ORDER BY id)) AS hash FROM jobs j WHERE id IN (6, 7, 8)",
  );
  await database.rows(pattern("archive.sql"));
  expect(await database.rows(IDS("jobs"))).toEqual([{ ids: "1 2 3 4 5 9" }]);
  expect(await database.rows(IDS("jobs_archive"))).toEqual([{ ids: "6 7 8" }]);
  expect(
    await database.rows("SELECT md5(string_agg(j::text, ',' ORDER BY id)) AS hash FROM jobs_archive j"),
  ).toEqual([before]);
});

/** Roles belong to the whole server, so what makes them is rolled back. */
async function asInTransaction(user: Session, act: () => Promise<unknown>): Promise<void> {
  await user.rows("BEGIN");
  await act();
  await user.rows("ROLLBACK");
}

async function allowed(user: Session, role: string, statement: string): Promise<boolean> {
  await user.rows(`SAVEPOINT before; SET LOCAL ROLE ${role}`);
  const answer = await user.rows(statement).then(
    () => true,
    (error: unknown) => {
      expect(error).toMatchObject({ code: "42501" });
      return false;
    },
  );
  await user.rows("ROLLBACK TO before");
  return answer;
}

const UPSERT = `INSERT INTO public.jobs (job_type, payload, dedupe_key) VALUES ('a', '{}', 'k')
  ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING')`;

/** Statement by statement: may the producer, the worker, the viewer? */
const RIGHTS: readonly (readonly [string, boolean, boolean, boolean])[] = [
  ["INSERT INTO public.jobs (job_type, payload) VALUES ('a', '{}') RETURNING id", true, true, false],
  [`${UPSERT} DO NOTHING`, true, true, false],
  [`${UPSERT} DO UPDATE SET updated_at = now() RETURNING id`, true, true, false],
  ["SELECT payload FROM public.jobs", false, true, false],
  ["SELECT result FROM public.jobs", false, true, false],
  ["SELECT status, count(*) FROM public.jobs GROUP BY status", true, true, true],
  ["SELECT last_error, locked_by FROM public.jobs", false, true, true],
  ["UPDATE public.jobs SET status = 'DONE'", false, true, false],
  ["UPDATE public.jobs SET payload = '{}'", false, true, false],
  ["INSERT INTO public.jobs (job_type, status) VALUES ('a', 'DONE')", false, true, false],
  ["DELETE FROM public.jobs", false, true, false],
  ["INSERT INTO public.jobs_waiting VALUES ('w', now())", false, true, false],
  ["SELECT worker FROM public.jobs_waiting", true, true, true],
  [
    "INSERT INTO public.jobs_schedules (name, job_type, cron) VALUES ('s', 'a', '@daily')",
    false,
    true,
    false,
  ],
  ["SELECT payload FROM public.jobs_schedules", false, true, false],
  ["SELECT name, next_tick, last_error FROM public.jobs_schedules", false, true, true],
  ["INSERT INTO public.jobs (job_type, concurrency_key) VALUES ('a', 'k')", true, true, false],
  ["SELECT concurrency_key, due_at FROM public.jobs", false, true, true],
  ["INSERT INTO public.jobs_limits (name, total) VALUES ('a', 1)", false, true, false],
  ["SELECT name, paused, total FROM public.jobs_limits", false, true, true],
  ["SELECT * FROM public.jobs_tick()", false, true, false],
  ["INSERT INTO public.jobs_steps (job_id, name, attempt) VALUES (1, 's', 1)", false, true, false],
  ["SELECT value FROM public.jobs_steps", false, true, false],
  ["SELECT name, duration_ms FROM public.jobs_steps", false, true, true],
  ["TRUNCATE public.jobs", false, false, false],
  ["ALTER TABLE public.jobs ADD COLUMN more int", false, false, false],
];

test("roles.sql lets a producer enqueue, a worker work and a viewer watch, and no more", async () => {
  await using user = await session(database.url);
  await asInTransaction(user, async () => {
    await user.rows(pattern("roles.sql"));
    for (const [statement, ...rights] of RIGHTS) {
      const found: boolean[] = [];
      for (const role of ["pqrun_producer", "pqrun_worker", "pqrun_viewer"])
        found.push(await allowed(user, role, statement));
      expect([statement, ...found]).toEqual([statement, ...rights]);
    }
    expect(await allowed(user, "pqrun_viewer", pattern("monitoring.sql"))).toBe(true);
  });
});
