import { expect, test } from "vitest";

import { queueIndexes, renderMigrations } from "../../../src/migrate/migrations.ts";
import { catalog, indexDefinitions } from "../../support/table-catalog.ts";
import { PYTHON_ENQUEUE } from "../../support/python-statements.ts";
import { PythonWorker } from "../../support/python-worker.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { PYTHON_COLUMNS, PYTHON_COUNTS, PYTHON_DDL, PYTHON_ROWS } from "../../support/table-python.ts";
import { session } from "../../support/table-sessions.ts";

const NEW_COLUMNS = [
  ...["lease_expires_at", "lease_holder", "released", "schedule", "scheduled_for", "errors"],
  ...["idempotency_key", "debounce_key", "concurrency_key", "due_at", "steps", "headers"],
];
/** The unique indexes of columns that Python's table hasn't. */
const NEW_UNIQUE = ["uq_jobs_debounce", "uq_jobs_idempotency", "uq_jobs_tick"];

async function pythonDatabase(setUp = ""): Promise<TableDatabase> {
  const database = await tableDatabase();
  await database.rows(`${PYTHON_DDL};${PYTHON_ROWS};${setUp}`);
  return database;
}

async function columns(database: TableDatabase, table: string): Promise<string[]> {
  const rows = await database.rows(
    "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
    [table],
  );
  return rows.map(({ attname }) => String(attname));
}

const ROWS = `SELECT md5(string_agg(t::text, '' ORDER BY id)) AS hash FROM (SELECT ${PYTHON_COLUMNS} FROM jobs) t`;

test("10,000 rows of Python's in all five states are afterwards what they were, in every column of Python's", async () => {
  await using database = await pythonDatabase();
  const before = await database.rows(ROWS);
  const { built, ...report } = await database.migrate();
  expect(report).toEqual({ table: "upgraded", dropped: [] });
  const expected = ["jobs_ready", "jobs_ready_due", "jobs_running", "jobs_failed", "jobs_cancelled"];
  expect(built.toSorted()).toEqual(
    [...expected, ...NEW_UNIQUE, "jobs_parked", "jobs_running_keys", "jobs_begun"].toSorted(),
  );
  expect(await database.rows(ROWS)).toEqual(before);
  expect(
    await database.rows("SELECT status, count(*)::int FROM jobs GROUP BY status ORDER BY status"),
  ).toEqual(PYTHON_COUNTS);
  expect(await columns(database, "jobs")).toEqual([...PYTHON_COLUMNS.split(", "), ...NEW_COLUMNS]);
});

test("pqrun sql upgrades such a table to the same as migrate", async () => {
  await using migrated = await pythonDatabase();
  await migrated.migrate();
  await using printed = await pythonDatabase();
  await printed.rows(renderMigrations());
  const withoutXmin = (rows: unknown[]): string =>
    JSON.stringify(rows).replaceAll(/(jobs_\w+\([^)]*\)) \d+/g, "$1");
  expect(withoutXmin(await catalog(printed))).toBe(withoutXmin(await catalog(migrated)));
});

test("Python's indexes stay on an upgraded table until they are asked to go", async () => {
  await using database = await pythonDatabase();
  await database.migrate();
  expect(await indexDefinitions(database)).toHaveLength(queueIndexes({}).length + 3);
  const { dropped, ...rest } = await database.migrate({ dropPythonIndexes: true });
  expect(rest).toEqual({ table: "unchanged", built: [] });
  expect(dropped.toSorted()).toEqual(["idx_jobs_pick", "idx_jobs_type"]);
  expect(await indexDefinitions(database)).toHaveLength(queueIndexes({}).length + 1);
});

test("a dedupe index under another name is enough; no second one is built", async () => {
  await using database = await pythonDatabase("ALTER INDEX uq_jobs_active_dedupe RENAME TO their_own");
  await database.migrate();
  expect(await indexDefinitions(database)).toEqual([
    expect.stringContaining(" idx_jobs_pick "),
    expect.stringContaining(" idx_jobs_type "),
    expect.stringContaining(" jobs_begun "),
    expect.stringContaining(" jobs_cancelled "),
    expect.stringContaining(" jobs_failed "),
    expect.stringContaining(" jobs_parked "),
    expect.stringContaining(" jobs_ready "),
    expect.stringContaining(" jobs_ready_due "),
    expect.stringContaining(" jobs_running "),
    expect.stringContaining(" jobs_running_keys "),
    expect.stringContaining(" jobs_pkey "),
    expect.stringContaining(" their_own "),
    ...NEW_UNIQUE.map((name) => expect.stringContaining(` ${name} `) as unknown),
  ]);
  await database.rows(renderMigrations());
  expect(await indexDefinitions(database)).toHaveLength(queueIndexes({}).length + 3);
});

test("a table whose defaults an ORM kept to itself takes a plain INSERT afterwards", async () => {
  await using database = await pythonDatabase(`
    ALTER TABLE jobs ALTER payload DROP DEFAULT, ALTER status DROP DEFAULT, ALTER priority DROP DEFAULT,
      ALTER attempts DROP DEFAULT, ALTER max_attempts DROP DEFAULT, ALTER run_after DROP DEFAULT,
      ALTER created_at DROP DEFAULT, ALTER updated_at DROP DEFAULT, ALTER job_type TYPE varchar(200)`);
  await database.migrate();
  await database.rows("INSERT INTO jobs (job_type) VALUES ('plain')");
  expect(
    await database.rows(
      "SELECT payload, status, priority, attempts, max_attempts FROM jobs WHERE job_type = 'plain'",
    ),
  ).toEqual([{ payload: {}, status: "READY", priority: 0, attempts: 0, max_attempts: 5 }]);
});

test("an archive made LIKE jobs before the upgrade gets the same columns in the same order", async () => {
  await using database = await pythonDatabase("CREATE TABLE jobs_archive (LIKE jobs INCLUDING ALL)");
  await database.migrate();
  expect(await columns(database, "jobs_archive")).toEqual(await columns(database, "jobs"));
});

test("an archive with columns of its own is upgraded, with a warning that SELECT * no longer fits", async () => {
  await using database = await pythonDatabase(
    "CREATE TABLE jobs_archive (LIKE jobs, archived_at timestamptz DEFAULT now())",
  );
  await using user = await session(database.url);
  const notices: (string | undefined)[] = [];
  user.client.on("notice", ({ message }) => notices.push(message));
  await user.rows(renderMigrations());
  expect(notices).toContainEqual(expect.stringContaining("jobs_archive has columns of its own"));
  expect(await columns(database, "jobs_archive")).toEqual([
    ...PYTHON_COLUMNS.split(", "),
    "archived_at",
    ...NEW_COLUMNS,
  ]);
});

test("a table of the application's that is called jobs_archive is left as it is", async () => {
  await using database = await pythonDatabase("CREATE TABLE jobs_archive (id uuid, title text)");
  await database.migrate();
  expect(await columns(database, "jobs_archive")).toEqual(["id", "title"]);
});

test("what the Python package sends goes on working after the upgrade", async () => {
  await using database = await pythonDatabase();
  await database.migrate();
  await using python = await PythonWorker.connect({ url: database.url, name: "host-1", handlers: {} });
  const status = async (id: string): Promise<unknown> =>
    (await database.rows("SELECT status FROM jobs WHERE id = $1", [id]))[0]?.["status"];
  const picked = async (): Promise<string> => (await python.pickUp())?.id ?? "none";
  const [done, failed, cancelled] = [await picked(), await picked(), await picked()];
  await python.markDone(done, { length: 1 });
  await python.markError(failed, "ValueError", { terminal: true });
  await python.cancel(cancelled);
  expect([await status(done), await status(failed), await status(cancelled)]).toEqual([
    "DONE",
    "FAILED",
    "CANCELLED",
  ]);
  expect((await python.reap()).length).toBeGreaterThan(0);
  const enqueue = (): Promise<Record<string, unknown>[]> =>
    database.rows(PYTHON_ENQUEUE, ["embed", "{}", "a-key", new Date(), 0, 5, null]);
  const [first] = await enqueue();
  expect(await enqueue()).toEqual([first]);
});
