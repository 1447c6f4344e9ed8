import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { queueIndexes } from "../../src/migrate/migrations.ts";
import { packageRoot } from "../../src/migrate/package-root.ts";
import { PATTERNS } from "../../src/migrate/patterns.ts";
import { tableDatabase } from "../support/table-database.ts";
import { cli } from "./run-cli.ts";

test("prints DDL that makes the table as it stands, and prints nothing else", async () => {
  await using database = await tableDatabase();
  const { code, stdout, stderr } = await cli(["sql"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  await database.rows(stdout);
  expect(await database.migrate()).toEqual({ table: "unchanged", built: [], dropped: [] });
});

test("prints it for any schema and table", async () => {
  await using database = await tableDatabase();
  await database.rows((await cli(["sql", "--schema", 'O"Brien', "--table", "naïve jobs"])).stdout);
  await database.rows(`INSERT INTO "O""Brien"."naïve jobs" (job_type) VALUES ('a')`);
});

test("--from leaves out the migrations before", async () => {
  const all = (await cli(["sql"])).stdout;
  const some = (await cli(["sql", "--from", "2"])).stdout;
  expect(some).toContain("-- pqrun 002");
  expect(some).not.toContain("-- pqrun 001");
  expect(all.endsWith(some)).toBe(true);
});

test("--concurrently builds each index in a statement of its own", async () => {
  const { stdout } = await cli(["sql", "--concurrently", "--drop-python-indexes"]);
  expect(stdout.match(/^CREATE (UNIQUE )?INDEX CONCURRENTLY/gm)).toHaveLength(queueIndexes({}).length);
  expect(stdout.match(/^DROP INDEX CONCURRENTLY/gm)).toHaveLength(2);
});

const FOLDER = join(packageRoot(), "sql/patterns");

test("--pattern prints each file of sql/patterns as it stands; of another it says which there are", async () => {
  expect(PATTERNS.map((name) => `${name}.sql`)).toEqual(readdirSync(FOLDER).sort());
  for (const name of PATTERNS) {
    const { code, stdout, stderr } = await cli(["sql", "--pattern", name]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(readFileSync(join(FOLDER, `${name}.sql`), "utf8"));
  }
  const { code, stderr } = await cli(["sql", "--pattern", "secret"]);
  expect(code).toBe(2);
  expect(stderr).toContain(`--pattern: one of ${PATTERNS.join(", ")}`);
  expect(stderr).not.toContain("secret");
});

test.each([
  ["pqrun", "jobs"],
  ['O\'Brien "$$" $q1$ \\', "naïve ? $1 jobs"],
  ["pqrun", "a_table_whose_name_is_as_long_as_those_of_postgresql_may_be_ü"],
])("--pattern prints each for the schema %j and the table %j, and it runs", async (schema, table) => {
  await using database = await tableDatabase();
  await database.migrate({ schema, table });
  for (const name of PATTERNS) {
    const { code, stdout, stderr } = await cli([
      "sql",
      "--pattern",
      name,
      "--schema",
      schema,
      "--table",
      table,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.replace(/public\.example_\w+/g, "")).not.toMatch(/public\.|jobs_python_guard\b.*ON public/);
    // Twice: nothing of it is in the way of itself.
    await database.rows(stdout);
    await database.rows(stdout);
  }
  const { rows: tables } = await database.pool.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace",
  );
  expect(tables).toEqual([]);
});

test("the guard that it prints guards that table: Python settles no job of pqrun's", async () => {
  await using database = await tableDatabase();
  await database.migrate({ schema: "pqrun" });
  await database.rows((await cli(["sql", "--pattern", "python-guard", "--schema", "pqrun"])).stdout);
  await database.rows(
    `INSERT INTO pqrun.jobs (job_type, status, locked_by, lease_holder, lease_expires_at, locked_at, attempts)
     VALUES ('a', 'RUNNING', 'w#1', 'w#1', now() + interval '1 minute', now(), 1)`,
  );
  await database.rows("UPDATE pqrun.jobs SET status = 'DONE', finished_at = now()");
  expect(await database.rows("SELECT status::text FROM pqrun.jobs")).toEqual([{ status: "RUNNING" }]);
});
