import { expect, test } from "vitest";

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
  expect(stdout.match(/^CREATE (UNIQUE )?INDEX CONCURRENTLY/gm)).toHaveLength(7);
  expect(stdout.match(/^DROP INDEX CONCURRENTLY/gm)).toHaveLength(2);
});
