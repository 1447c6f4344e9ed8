import { randomUUID } from "node:crypto";

import { expect, onTestFinished, test } from "vitest";

import { tableMigrations } from "../../../src/migrate/migrations.ts";
import { pythonGrants } from "../../support/python-statements.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { PYTHON_DDL, PYTHON_ROWS } from "../../support/table-python.ts";
import { session } from "../../support/table-sessions.ts";

const NUMBER = 8;
const TEXT = tableMigrations({}, "always").find(({ number }) => number === NUMBER)?.text ?? "";

/** The table as a version without steps has made it. */
async function olderTable(database: TableDatabase): Promise<void> {
  for (const { number, text } of tableMigrations({}, "always"))
    if (number < NUMBER) await database.rows(text);
}

/** A job with as many remembered steps. */
async function jobWith(database: TableDatabase, steps: number): Promise<void> {
  await database.rows(
    `WITH job AS (INSERT INTO jobs (job_type, steps) VALUES ('a', nullif($1::int, 0)) RETURNING id)
     INSERT INTO jobs_steps (job_id, name, attempt) SELECT id, 'step ' || n, 1 FROM job, generate_series(1, $1::int) n`,
    [steps],
  );
}

const COUNTED = "SELECT count(*)::int AS steps FROM jobs_steps";
const ARCHIVING = "INSERT INTO jobs_archive SELECT * FROM jobs RETURNING job_type";

test("archiving by SELECT * goes on before and after the steps come", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await database.rows("CREATE TABLE jobs_archive (LIKE jobs)");
  await database.rows("INSERT INTO jobs (job_type) VALUES ('before')");
  expect(await database.rows(ARCHIVING)).toEqual([{ job_type: "before" }]);
  expect(await database.migrate()).toEqual({ table: "upgraded", built: [], dropped: [] });
  expect(await database.migrate()).toEqual({ table: "unchanged", built: [], dropped: [] });
  await database.rows("TRUNCATE jobs; INSERT INTO jobs (job_type, steps) VALUES ('after', 3)");
  expect(await database.rows(ARCHIVING)).toEqual([{ job_type: "after" }]);
  expect(await database.rows("SELECT job_type, steps FROM jobs_archive ORDER BY 1")).toEqual([
    { job_type: "after", steps: 3 },
    { job_type: "before", steps: null },
  ]);
});

test("a table of Python's with rows gets the steps, and applying them again changes nothing", async () => {
  await using database = await tableDatabase();
  await database.rows(`${PYTHON_DDL};${PYTHON_ROWS}`);
  await olderTable(database);
  const before = await database.rows("SELECT id, job_type, status FROM jobs ORDER BY id");
  await database.rows(TEXT);
  await database.rows(TEXT);
  expect(await database.rows("SELECT id, job_type, status FROM jobs ORDER BY id")).toEqual(before);
  expect(await database.rows("SELECT DISTINCT steps FROM jobs")).toEqual([{ steps: null }]);
});

test("the steps wait two seconds at most for a lock, and then change nothing", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await using user = await session(database.url);
  await user.rows("BEGIN; LOCK TABLE jobs IN ACCESS SHARE MODE");
  await expect(database.rows(TEXT)).rejects.toMatchObject({ code: "55P03" });
  expect(await database.rows("SELECT to_regclass('jobs_steps') AS steps")).toEqual([{ steps: null }]);
  await user.rows("COMMIT");
  await database.rows(TEXT);
});

test("before the columns that come first the steps are refused", async () => {
  await using database = await tableDatabase();
  for (const { number, text } of tableMigrations({}, "always")) if (number < 4) await database.rows(text);
  await expect(database.rows(TEXT)).rejects.toMatchObject({ code: "PQR01" });
});

test("a deleted job's steps go with it, and so do all of a table that is truncated", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  for (const steps of [0, 2, 3]) await jobWith(database, steps);
  await database.rows("DELETE FROM jobs WHERE steps = 2");
  expect(await database.rows(COUNTED)).toEqual([{ steps: 3 }]);
  await database.rows("TRUNCATE jobs RESTART IDENTITY");
  expect(await database.rows(COUNTED)).toEqual([{ steps: 0 }]);
});

test("a delete that comes to nothing leaves the steps", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  await jobWith(database, 2);
  await using user = await session(database.url);
  for (const statement of ["DELETE FROM jobs", "TRUNCATE jobs"]) {
    await user.rows(`BEGIN; ${statement}; ROLLBACK`);
    expect(await database.rows(COUNTED)).toEqual([{ steps: 2 }]);
  }
});

test("deleting jobs that have no steps calls no trigger", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  await jobWith(database, 0);
  await jobWith(database, 1);
  const plan = async (which: string): Promise<string> =>
    JSON.stringify(await database.rows(`EXPLAIN (ANALYZE, COSTS OFF) DELETE FROM jobs WHERE ${which}`));
  expect(await plan("steps IS NULL")).not.toMatch(/calls=/);
  expect(await plan("steps = 1")).toMatch(/jobs_forget_steps: .*calls=1/);
});

test("Python's role deletes a job with steps, though it knows of none", async () => {
  await using database = await tableDatabase();
  const role = `pqrun_app_${randomUUID().slice(0, 8)}`;
  await database.rows(`${PYTHON_DDL}; CREATE ROLE ${role}`);
  onTestFinished(async () => {
    await database.rows(`DROP ROLE ${role}`).catch(() => undefined); // Roles belong to the whole server.
  });
  await database.migrate();
  await database.rows(`${pythonGrants(role)}; GRANT DELETE ON jobs TO ${role}`);
  await jobWith(database, 2);
  await using user = await session(database.url);
  await user.rows(`SET ROLE ${role}`);
  await expect(user.rows(COUNTED)).rejects.toMatchObject({ code: "42501" });
  await user.rows("DELETE FROM jobs");
  expect(await database.rows(COUNTED)).toEqual([{ steps: 0 }]);
  // What runs with the owner's rights is nobody else's to attach.
  const [may] = await user.rows("SELECT has_function_privilege('jobs_forget_steps()', 'EXECUTE') AS may");
  expect(may).toEqual({ may: false });
  // The next migration grants what a worker of that role needs.
  await database.migrate();
  expect(await user.rows(COUNTED)).toEqual([{ steps: 0 }]);
  await database.rows(`DROP OWNED BY ${role}`);
});
