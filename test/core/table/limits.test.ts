import { expect, test } from "vitest";

import { tableMigrations } from "../../../src/migrate/migrations.ts";
import { indexDefinitions } from "../../support/table-catalog.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { PYTHON_DDL, PYTHON_ROWS } from "../../support/table-python.ts";
import { session } from "../../support/table-sessions.ts";

/** The table as a version without limits has made it. */
async function olderTable(database: TableDatabase): Promise<void> {
  for (const { number, text } of tableMigrations({}, "always")) if (number < 7) await database.rows(text);
}

const LIMITS = tableMigrations({}, "always").find(({ number }) => number === 7)?.text ?? "";
const ARCHIVING = "INSERT INTO jobs_archive SELECT * FROM jobs RETURNING job_type";

test("a table with rows gets the columns beside its writers, and the indexes of limits CONCURRENTLY", async () => {
  await using database = await tableDatabase();
  await database.rows(`${PYTHON_DDL};${PYTHON_ROWS}`);
  await olderTable(database);
  expect(await database.migrate()).toEqual({
    table: "upgraded",
    built: ["jobs_parked", "jobs_running_keys", "jobs_begun"],
    dropped: [],
  });
  expect(await database.migrate()).toEqual({ table: "unchanged", built: [], dropped: [] });
});

test("archiving by SELECT * goes on before and after the limits come", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await database.rows("CREATE TABLE jobs_archive (LIKE jobs)");
  await database.rows("INSERT INTO jobs (job_type) VALUES ('before')");
  expect(await database.rows(ARCHIVING)).toEqual([{ job_type: "before" }]);
  await database.migrate();
  await database.rows("TRUNCATE jobs; INSERT INTO jobs (job_type, concurrency_key) VALUES ('after', 'k')");
  expect(await database.rows(ARCHIVING)).toEqual([{ job_type: "after" }]);
  expect(await database.rows("SELECT job_type, concurrency_key FROM jobs_archive ORDER BY 1")).toEqual([
    { job_type: "after", concurrency_key: "k" },
    { job_type: "before", concurrency_key: null },
  ]);
});

test("the limits wait two seconds at most for a lock, and then change nothing", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await using user = await session(database.url);
  await user.rows("BEGIN; LOCK TABLE jobs IN ACCESS SHARE MODE");
  await expect(database.rows(LIMITS)).rejects.toMatchObject({ code: "55P03" });
  expect(await database.rows("SELECT to_regclass('jobs_limits') AS found")).toEqual([{ found: null }]);
  await user.rows("COMMIT");
  await database.rows(LIMITS);
  await database.rows(LIMITS);
});

test("an invalid index of limits that an earlier build left is replaced", async () => {
  await using database = await tableDatabase();
  await database.rows(`${PYTHON_DDL};${PYTHON_ROWS}`);
  for (const { text } of tableMigrations({}, "never")) await database.rows(text);
  await database.rows("INSERT INTO jobs (job_type) VALUES ('a'), ('a')");
  const build = database.rows(
    "CREATE UNIQUE INDEX CONCURRENTLY jobs_parked ON jobs ((length(job_type) * 0))",
  );
  await expect(build).rejects.toMatchObject({ code: "23505" });
  await database.migrate();
  expect((await indexDefinitions(database)).join("\n")).not.toMatch(/invalid/);
  expect(await indexDefinitions(database)).toContainEqual(
    expect.stringMatching(
      /^CREATE INDEX jobs_parked .*\(job_type, concurrency_key, priority DESC, due_at, id\)/,
    ),
  );
});

test("before the columns of 006 the limits are refused", async () => {
  await using database = await tableDatabase();
  for (const { number, text } of tableMigrations({}, "always")) if (number < 6) await database.rows(text);
  await expect(database.rows(LIMITS)).rejects.toMatchObject({
    code: "PQR01",
    hint: "Migrations 001 to 006 come first.",
  });
});

test("a role that may update the jobs may write limits, without a grant of its own", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await using worker = await session(database.url);
  const role = `pqrun_worker_${worker.pid}`;
  await worker.rows(`CREATE ROLE ${role}; GRANT SELECT, INSERT, UPDATE ON jobs TO ${role}`);
  try {
    await database.migrate();
    await worker.rows(`SET ROLE ${role}`);
    await worker.rows("INSERT INTO jobs_limits (name, total) VALUES ('a', 1)");
  } finally {
    await worker.rows(`RESET ROLE; DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

test("what an operator writes into the limits wakes all workers, and what a pick-up writes wakes none", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  await using user = await session(database.url);
  const heard: (string | undefined)[] = [];
  user.client.on("notification", ({ payload }) => heard.push(payload));
  await user.rows("LISTEN pqrun_jobs");
  const notified = async (statement: string): Promise<number> => {
    const before = heard.length;
    await user.rows(statement);
    // A session's own notifications come before its next statement's answer.
    await user.rows("SELECT 1");
    return heard.length - before;
  };
  expect(await notified("INSERT INTO jobs_limits (name, pickups) VALUES ('a', 1)")).toBe(0);
  expect(await notified("UPDATE jobs_limits SET pickups = 2, starts = '{1}', starts_at = ARRAY[now()]")).toBe(
    0,
  );
  expect(await notified("UPDATE jobs_limits SET paused = true WHERE name = 'a'")).toBe(1);
  expect(await notified("INSERT INTO jobs_limits (name, paused) VALUES ('b', true)")).toBe(1);
  expect(await notified("DELETE FROM jobs_limits WHERE name = 'b'")).toBe(1);
  expect(heard.every((payload) => payload === "")).toBe(true);
});

const WRONG = [
  "(name) VALUES ('')",
  "(name, total) VALUES ('a', -1)",
  "(name, per_key) VALUES ('a', 0)",
  "(name, rate) VALUES ('a', 1)",
  "(name, rate, rate_seconds) VALUES ('a', 1, 0)",
];

test("a limit that means nothing is refused, whatever writes it", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  for (const values of WRONG)
    await expect(database.rows(`INSERT INTO jobs_limits ${values}`)).rejects.toMatchObject({ code: "23514" });
});
