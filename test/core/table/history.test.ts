import { expect, test } from "vitest";

import { tableMigrations } from "../../../src/migrate/migrations.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { session } from "../../support/table-sessions.ts";

/** The table as a version without the history of attempts has made it. */
async function olderTable(database: TableDatabase): Promise<void> {
  for (const { number, text } of tableMigrations({}, "always")) if (number < 5) await database.rows(text);
}

const ARCHIVING = "INSERT INTO jobs_archive SELECT * FROM jobs RETURNING job_type";

test("archiving by SELECT * goes on before and after the history of attempts comes", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await database.rows("CREATE TABLE jobs_archive (LIKE jobs)");
  await database.rows("INSERT INTO jobs (job_type) VALUES ('before')");
  expect(await database.rows(ARCHIVING)).toEqual([{ job_type: "before" }]);
  expect(await database.migrate()).toMatchObject({ table: "upgraded", dropped: [] });
  expect(await database.migrate()).toEqual({ table: "unchanged", built: [], dropped: [] });
  await database.rows("TRUNCATE jobs; INSERT INTO jobs (job_type, errors) VALUES ('after', '[]')");
  expect(await database.rows(ARCHIVING)).toEqual([{ job_type: "after" }]);
  expect(await database.rows("SELECT job_type, errors FROM jobs_archive ORDER BY 1")).toEqual([
    { job_type: "after", errors: [] },
    { job_type: "before", errors: null },
  ]);
});

test("the history of attempts waits two seconds at most for a lock, and then changes nothing", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await using user = await session(database.url);
  await user.rows("BEGIN; LOCK TABLE jobs IN ACCESS SHARE MODE");
  const [{ text } = { text: "" }] = tableMigrations({}, "always").filter(({ number }) => number === 5);
  await expect(database.rows(text)).rejects.toMatchObject({ code: "55P03" });
  await user.rows("COMMIT");
  await database.rows(text);
  await database.rows(text);
  const [column] = await database.rows(
    "SELECT count(*)::int AS n FROM pg_attribute WHERE attname = 'errors'",
  );
  expect(column).toEqual({ n: 1 });
});

test("before the columns of 004 the history of attempts is refused", async () => {
  await using database = await tableDatabase();
  const migrations = tableMigrations({}, "always");
  for (const { number, text } of migrations) if (number < 4) await database.rows(text);
  await expect(
    database.rows(migrations.find(({ number }) => number === 5)?.text ?? ""),
  ).rejects.toMatchObject({
    code: "PQR01",
    hint: "Migrations 001 to 004 come first.",
  });
});
