import { expect, test } from "vitest";

import { renderMigrations, tableMigrations } from "../../../src/migrate/migrations.ts";
import { isPqrunError } from "../../../src/core/errors.ts";
import { catalog } from "../../support/table-catalog.ts";
import { tableDatabase } from "../../support/table-database.ts";
import { PYTHON_DDL } from "../../support/table-python.ts";

const FOREIGN = [
  {
    what: "a table of the application's own",
    setUp:
      "CREATE TABLE jobs (id bigserial PRIMARY KEY, title text, payload jsonb, status text, created_at timestamptz)",
    says: /public\.jobs is not a job queue: it lacks job_type, priority, .*, updated_at; status is text, not public\.job_status; nothing was changed/,
  },
  {
    what: "a job table of another library",
    setUp: "CREATE TABLE jobs (id uuid PRIMARY KEY, name text, priority int, data jsonb, state text)",
    says: /id is uuid, not bigint/,
  },
  {
    what: "a view",
    setUp: "CREATE VIEW jobs AS SELECT 1 AS id",
    says: /public\.jobs is not an ordinary table/,
  },
  {
    what: "a partitioned table",
    setUp: "CREATE TABLE jobs (id bigint, job_type text) PARTITION BY RANGE (id)",
    says: /public\.jobs is not an ordinary table/,
  },
  {
    what: "Python's table without one column",
    setUp: `${PYTHON_DDL}; ALTER TABLE jobs DROP COLUMN dedupe_key`,
    says: /is not a job queue: it lacks dedupe_key; nothing was changed/,
  },
  {
    what: "Python's table with a type changed",
    setUp: `${PYTHON_DDL}; ALTER TABLE jobs ALTER payload DROP DEFAULT, ALTER payload TYPE text`,
    says: /payload is text, not jsonb/,
  },
  {
    what: "a copy of the table without its defaults",
    setUp: `${PYTHON_DDL}; CREATE TABLE copy (LIKE jobs INCLUDING INDEXES); DROP TABLE jobs; ALTER TABLE copy RENAME TO jobs`,
    says: /public\.jobs is not a job queue: its id has no default; nothing was changed/,
  },
  {
    what: "a copy of the table without its indexes",
    setUp: `${PYTHON_DDL}; ALTER SEQUENCE jobs_id_seq OWNED BY NONE; CREATE TABLE copy (LIKE jobs INCLUDING DEFAULTS);
      DROP TABLE jobs; ALTER TABLE copy RENAME TO jobs`,
    says: /public\.jobs is not a job queue: its id has no unique index; nothing was changed/,
  },
  {
    what: "an enum job_status of the application's own",
    setUp: "CREATE TYPE job_status AS ENUM ('open', 'DONE', 'FAILED')",
    says: /the type public\.job_status has no READY, RUNNING, CANCELLED; nothing was changed/,
  },
];

test.for(FOREIGN)("$what is refused by name and left untouched", async ({ setUp, says }) => {
  await using database = await tableDatabase();
  await database.rows(setUp);
  const insertable = setUp.startsWith("CREATE TABLE jobs (id bigserial");
  if (insertable)
    await database.rows(
      "INSERT INTO jobs (title, status) SELECT 'title ' || n, 'open' FROM generate_series(1, 100) n",
    );
  const rows = async (): Promise<unknown> =>
    insertable ? database.rows("SELECT *, xmin, ctid FROM jobs ORDER BY id") : [];
  const before = [await catalog(database), await rows()];

  const error: unknown = await database.migrate().catch((reason: unknown) => reason);
  expect(isPqrunError(error, "table") && error.message).toMatch(says);
  // psql goes on after an error, unless told otherwise.
  for (const { text } of tableMigrations({}, "always")) {
    await expect(database.rows(text)).rejects.toMatchObject({ code: "PQR01" });
  }
  expect([await catalog(database), await rows()]).toEqual(before);
});

const TAKEN = [
  { setUp: "CREATE TABLE jobs_ready (id int)", says: /the name of the index public\.jobs_ready is taken/ },
  {
    setUp: "CREATE TABLE t (id int); CREATE INDEX jobs_running ON t (id)",
    says: /index public\.jobs_running is taken/,
  },
  {
    setUp: "CREATE TABLE jobs_waiting (id int, note text)",
    says: /the name of the table public\.jobs_waiting is taken/,
  },
  {
    setUp: "CREATE FUNCTION jobs_wake() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    says: /the name of the function public\.jobs_wake\(\) is taken/,
  },
  {
    setUp: "CREATE TABLE jobs_schedules (id int, cron text)",
    says: /the name of the table public\.jobs_schedules is taken/,
  },
  {
    setUp: "CREATE FUNCTION jobs_tick(n int) RETURNS int LANGUAGE sql AS 'SELECT n'",
    says: /the name of the function public\.jobs_tick\(\) is taken/,
  },
  {
    setUp: "CREATE TABLE uq_jobs_tick (id int)",
    says: /the name of the index public\.uq_jobs_tick is taken/,
  },
  {
    setUp: "CREATE TABLE uq_jobs_debounce (id int)",
    says: /the name of the index public\.uq_jobs_debounce is taken/,
  },
  {
    setUp: "CREATE TABLE jobs_schedules_due (id int)",
    says: /the name of the index public\.jobs_schedules_due is taken/,
  },
  {
    setUp: "CREATE TABLE jobs_limits (id int, name text)",
    says: /the name of the table public\.jobs_limits is taken/,
  },
  {
    setUp: "CREATE FUNCTION jobs_wake_limits() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    says: /the name of the function public\.jobs_wake_limits\(\) is taken/,
  },
  { setUp: "CREATE TABLE jobs_parked (id int)", says: /the name of the index public\.jobs_parked is taken/ },
  {
    setUp: "CREATE TABLE jobs_steps (id int, name text)",
    says: /the name of the table public\.jobs_steps is taken/,
  },
  {
    setUp: "CREATE FUNCTION jobs_forget_steps() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    says: /the name of the function public\.jobs_forget_steps\(\) is taken/,
  },
];

test.for(TAKEN)(
  "an object of the application's under a derived name is refused and stays: $says",
  async ({ setUp, says }) => {
    await using database = await tableDatabase();
    await database.rows(setUp);
    const before = await catalog(database);
    await expect(database.migrate()).rejects.toThrow(says);
    await expect(database.rows(renderMigrations())).rejects.toThrow(says);
    expect(await catalog(database)).toEqual(expect.arrayContaining(before));
  },
);
