import { expect, test } from "vitest";

import { tableMigrations } from "../../../src/migrate/migrations.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";

/** The table as a version without headers has made it. */
async function olderTable(database: TableDatabase): Promise<void> {
  for (const { number, text } of tableMigrations({}, "always")) if (number < 9) await database.rows(text);
}

const ARCHIVING = "INSERT INTO jobs_archive SELECT * FROM jobs RETURNING job_type";

test("archiving by SELECT * goes on before and after headers come", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await database.rows("CREATE TABLE jobs_archive (LIKE jobs)");
  await database.rows("INSERT INTO jobs (job_type) VALUES ('before')");
  expect(await database.rows(ARCHIVING)).toEqual([{ job_type: "before" }]);
  expect(await database.migrate()).toMatchObject({ table: "upgraded", dropped: [] });
  expect(await database.migrate()).toEqual({ table: "unchanged", built: [], dropped: [] });
  await database.rows(`TRUNCATE jobs; INSERT INTO jobs (job_type, headers) VALUES ('after', '{"a": "b"}')`);
  expect(await database.rows(ARCHIVING)).toEqual([{ job_type: "after" }]);
  expect(await database.rows("SELECT job_type, headers FROM jobs_archive ORDER BY 1")).toEqual([
    { job_type: "after", headers: { a: "b" } },
    { job_type: "before", headers: null },
  ]);
});

test("before the columns of 005 headers are refused", async () => {
  await using database = await tableDatabase();
  const migrations = tableMigrations({}, "always");
  for (const { number, text } of migrations) if (number < 5) await database.rows(text);
  const headers = migrations.find(({ number }) => number === 9)?.text ?? "";
  await expect(database.rows(headers)).rejects.toMatchObject({ code: "PQR01" });
});
