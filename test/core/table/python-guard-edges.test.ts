import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { packageRoot } from "../../../src/migrate/package-root.ts";
import { pythonNoHandler } from "../../support/python-statements.ts";
import { PythonWorker } from "../../support/python-worker.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";

const GUARD = readFileSync(join(packageRoot(), "sql/patterns/python-guard.sql"), "utf8");
/** What the guard takes from a priority. */
const BEHIND = 2 ** 30;

let database: TableDatabase;
let python: PythonWorker;

beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate();
  await database.rows(GUARD);
  python = await PythonWorker.connect({ url: database.url, name: "host-1", handlers: {} });
});
afterAll(async () => {
  await python[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => database.rows("TRUNCATE jobs, jobs_waiting RESTART IDENTITY"));

const overdue = (priority: number): Promise<unknown> =>
  database.rows(
    `INSERT INTO jobs (job_type, priority, run_after) VALUES ('embed', ${priority}, now() - interval '1 minute')`,
  );

test("a hundred go behind with what is put back: those that have been due for the longest", async () => {
  // The higher the id, the longer it has been due, and Python takes the lowest.
  await database.rows(
    "INSERT INTO jobs (job_type, run_after) SELECT 'embed', now() - n * interval '1 minute' FROM generate_series(1, 111) n",
  );
  await python.step();
  const [row] = await database.rows(
    "SELECT count(*)::int AS n, min(id) FILTER (WHERE id > 1)::int AS first FROM jobs WHERE priority < 0",
  );
  expect(row).toEqual({ n: 101, first: 12 });
});

test("Python may cancel a job that it holds, one that is ready, and one that was put behind", async () => {
  await database.rows(
    "INSERT INTO jobs (job_type, status, locked_at, locked_by) VALUES ('embed', 'RUNNING', now(), 'host-1')",
  );
  await database.rows("INSERT INTO jobs (job_type, payload) VALUES ('embed', '[1]')");
  await overdue(3);
  await python.step();
  expect(await database.rows("SELECT priority FROM jobs WHERE id = 3")).toEqual([{ priority: 3 - BEHIND }]);
  for (const id of ["1", "2", "3"]) await python.cancel(id);
  expect(await database.rows("SELECT status, priority FROM jobs ORDER BY id")).toEqual(
    [0, 0, 3].map((priority) => ({ status: "CANCELLED", priority })),
  );
});

test("the least priority that has room below it goes behind and comes back, and the next lower stays", async () => {
  for (const [priority, behind] of [
    [-BEHIND, -2 * BEHIND],
    [-BEHIND - 1, -BEHIND - 1],
  ] as const) {
    await database.rows("TRUNCATE jobs RESTART IDENTITY");
    await overdue(priority);
    await python.step();
    expect(await database.rows("SELECT status, priority FROM jobs")).toEqual([
      { status: "READY", priority: behind },
    ]);
    await database.rows("UPDATE jobs SET status = 'RUNNING', locked_by = 'host-2'");
    expect(await database.rows("SELECT priority FROM jobs")).toEqual([{ priority }]);
  }
});

test("what Python has no handler for is put back, whatever becomes of a lease that another attempt left", async () => {
  await database.rows(`
INSERT INTO jobs (job_type, status, attempts, locked_at, locked_by, lease_holder, lease_expires_at)
VALUES ('embed', 'RUNNING', 3, now(), 'host-1', 'w#0', now() + interval '1 hour')`);
  await database.rows(
    "UPDATE jobs SET status = 'FAILED', last_error = $1, lease_holder = NULL, lease_expires_at = NULL",
    [pythonNoHandler("embed")],
  );
  expect(await database.rows("SELECT status, attempts, last_error FROM jobs")).toEqual([
    { status: "READY", attempts: 2, last_error: null },
  ]);
});

test("a payload that is no object is put back, whatever state Python takes it from", async () => {
  for (const state of ["READY", "FAILED"]) {
    await database.rows("TRUNCATE jobs RESTART IDENTITY");
    await database.rows(
      `INSERT INTO jobs (job_type, status, attempts, payload, last_error) VALUES ('embed', '${state}', 2, '[1]', 'earlier')`,
    );
    await database.rows(
      "UPDATE jobs SET status = 'RUNNING', attempts = 3, locked_by = 'host-1', locked_at = now()",
    );
    expect(await database.rows("SELECT status, attempts, last_error, locked_by FROM jobs")).toEqual([
      { status: "READY", attempts: 2, last_error: "earlier", locked_by: null },
    ]);
  }
});

test("a debounced job that Python can't run is put back beside the next one of its key, which waits already", async () => {
  await database.rows(`
INSERT INTO jobs (job_type, status, attempts, locked_at, locked_by, debounce_key) VALUES ('embed', 'RUNNING', 1, now(), 'host-1', 'k');
INSERT INTO jobs (job_type, debounce_key) VALUES ('embed', 'k')`);
  await database.rows(
    "UPDATE jobs SET status = 'FAILED', locked_by = NULL, last_error = $1 WHERE status = 'RUNNING'",
    [pythonNoHandler("embed")],
  );
  expect(await database.rows("SELECT status, attempts, locked_by FROM jobs ORDER BY id")).toEqual([
    { status: "READY", attempts: 0, locked_by: "python-guard" },
    { status: "READY", attempts: 0, locked_by: null },
  ]);
});
