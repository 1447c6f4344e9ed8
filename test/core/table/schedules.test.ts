import { expect, test } from "vitest";

import { tableMigrations } from "../../../src/migrate/migrations.ts";
import { indexDefinitions } from "../../support/table-catalog.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { PYTHON_DDL, PYTHON_ROWS } from "../../support/table-python.ts";
import { session } from "../../support/table-sessions.ts";

/** The table as a version without schedules has made it. */
async function olderTable(database: TableDatabase): Promise<void> {
  for (const { number, text } of tableMigrations({}, "always")) if (number < 4) await database.rows(text);
}

const COLUMNS_OF = `SELECT string_agg(attname, ' ' ORDER BY attnum) AS columns FROM pg_attribute
  WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`;

test("a table with rows gets the columns beside its writers, and the index of ticks CONCURRENTLY", async () => {
  await using database = await tableDatabase();
  await database.rows(`${PYTHON_DDL};${PYTHON_ROWS}`);
  await olderTable(database);
  const lines: string[] = [];
  expect(await database.migrate({}, { log: (line) => lines.push(line) })).toEqual({
    table: "upgraded",
    built: expect.arrayContaining(["uq_jobs_tick"]) as unknown,
    dropped: [],
  });
  expect(lines).toContain("building index uq_jobs_tick");
  expect(await indexDefinitions(database)).toContainEqual(
    expect.stringMatching(/^CREATE UNIQUE INDEX uq_jobs_tick /),
  );
});

test("an archive made LIKE the jobs gets the columns in the same order, and SELECT * goes on fitting", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await database.rows("CREATE TABLE jobs_archive (LIKE jobs)");
  await database.migrate();
  const [jobs] = await database.rows(COLUMNS_OF, ["jobs"]);
  expect(await database.rows(COLUMNS_OF, ["jobs_archive"])).toEqual([jobs]);
  expect(String(jobs?.["columns"])).toMatch(/ released schedule scheduled_for errors( |$)/);
  await database.rows("INSERT INTO jobs (job_type, schedule, scheduled_for) VALUES ('a', 's', now())");
  await database.rows("INSERT INTO jobs_archive SELECT * FROM jobs");
  expect(await database.rows("SELECT job_type, schedule FROM jobs_archive")).toEqual([
    { job_type: "a", schedule: "s" },
  ]);
});

test("an archive with columns of its own gets the columns too, with a warning", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await database.rows("CREATE TABLE jobs_archive (LIKE jobs); ALTER TABLE jobs_archive ADD COLUMN note text");
  await using user = await session(database.url);
  const warnings: (string | undefined)[] = [];
  user.client.on("notice", ({ message }) => warnings.push(message));
  for (const { text } of tableMigrations({}, "always")) await user.rows(text);
  expect(warnings).toContain(
    "pqrun: public.jobs_archive has columns of its own: name the columns when archiving into it",
  );
});

test("two jobs with one tick are reported as such", async () => {
  await using database = await tableDatabase();
  await database.rows(`${PYTHON_DDL};${PYTHON_ROWS}`);
  for (const { text } of tableMigrations({}, "never")) await database.rows(text);
  await database.rows(
    "INSERT INTO jobs (job_type, schedule, scheduled_for) VALUES ('a', 's', now()), ('a', 's', now())",
  );
  await expect(database.migrate()).rejects.toThrow(/uq_jobs_tick: two jobs have one tick/);
});

test("an invalid index of ticks that an earlier build left is replaced", async () => {
  await using database = await tableDatabase();
  await database.rows(`${PYTHON_DDL};${PYTHON_ROWS}`);
  for (const { text } of tableMigrations({}, "never")) await database.rows(text);
  const build = database.rows("CREATE UNIQUE INDEX CONCURRENTLY uq_jobs_tick ON jobs (job_type)");
  await expect(build).rejects.toMatchObject({ code: "23505" });
  await database.migrate();
  expect((await indexDefinitions(database)).join("\n")).not.toMatch(/invalid/);
  expect(await indexDefinitions(database)).toContainEqual(
    expect.stringMatching(/^CREATE UNIQUE INDEX uq_jobs_tick /),
  );
});

test("a role that may update the jobs may write schedules and tick, without a grant of its own", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await using worker = await session(database.url);
  const role = `pqrun_worker_${worker.pid}`;
  await worker.rows(`CREATE ROLE ${role}; GRANT SELECT, INSERT, UPDATE ON jobs TO ${role};
    GRANT USAGE ON SEQUENCE jobs_id_seq TO ${role}`);
  try {
    await database.migrate();
    await worker.rows(`SET ROLE ${role}`);
    await worker.rows("INSERT INTO jobs_schedules (name, job_type, cron) VALUES ('s', 'a', '@daily')");
    expect(await worker.rows("SELECT schedule FROM jobs_tick(1, now() + interval '2 days')")).toEqual([
      { schedule: "s" },
    ]);
  } finally {
    await worker.rows(`RESET ROLE; DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

test("each function says what it is", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  const functions = await database.rows(
    "SELECT proname AS name, obj_description(oid) AS comment FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname <> 'jobs_wake' ORDER BY 1",
  );
  expect(functions.map(({ name }) => name)).toEqual([
    "jobs_cron_field",
    "jobs_cron_ticks",
    "jobs_cron_wall",
    "jobs_forget_steps",
    "jobs_plan",
    "jobs_tick",
    "jobs_wake_limits",
    "jobs_wake_tick",
  ]);
  for (const { comment } of functions) expect(comment).toMatch(/^pqrun: /);
});
