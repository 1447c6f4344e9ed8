import { expect, test } from "vitest";

import { renderMigrations, tableMigrations } from "../../../src/migrate/migrations.ts";
import { indexDefinitions } from "../../support/table-catalog.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { PYTHON_DDL, PYTHON_ROWS } from "../../support/table-python.ts";
import { session } from "../../support/table-sessions.ts";

const textOf = (wanted: number): string =>
  tableMigrations({}, "always").find(({ number }) => number === wanted)?.text ?? "";

/** The table as a version without keys of an enqueue has made it. */
async function olderTable(database: TableDatabase): Promise<void> {
  for (const { number, text } of tableMigrations({}, "always")) if (number < 6) await database.rows(text);
}

const KEYS = ["uq_jobs_debounce", "uq_jobs_idempotency"];
const ARCHIVING = "INSERT INTO jobs_archive SELECT * FROM jobs RETURNING job_type";

test("archiving by SELECT * goes on before and after the keys come", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await database.rows("CREATE TABLE jobs_archive (LIKE jobs)");
  await database.rows("INSERT INTO jobs (job_type) VALUES ('before')");
  expect(await database.rows(ARCHIVING)).toEqual([{ job_type: "before" }]);
  await database.rows(textOf(6));
  await database.rows(textOf(6));
  await database.rows(
    "TRUNCATE jobs; INSERT INTO jobs (job_type, idempotency_key, debounce_key) VALUES ('after', 'i', 'd')",
  );
  expect(await database.rows(ARCHIVING)).toEqual([{ job_type: "after" }]);
  expect(
    await database.rows("SELECT job_type, idempotency_key i, debounce_key d FROM jobs_archive ORDER BY 1"),
  ).toEqual([
    { job_type: "after", i: "i", d: "d" },
    { job_type: "before", i: null, d: null },
  ]);
});

test("a table with rows gets the indexes of keys CONCURRENTLY, by migrate and by the printed statements", async () => {
  for (const printed of [false, true]) {
    await using database = await tableDatabase();
    await database.rows(`${PYTHON_DDL};${PYTHON_ROWS}`);
    await olderTable(database);
    if (printed) {
      const [blocks = "", builds = ""] = renderMigrations({ concurrently: true, from: 6 }).split(
        "-- One at a time",
      );
      await database.rows(blocks);
      expect((await indexDefinitions(database)).join()).not.toContain("debounce");
      for (const build of builds.match(/^CREATE.*;$/gm) ?? []) await database.rows(build);
    } else {
      const { built, table } = await database.migrate();
      expect([table, built]).toEqual(["upgraded", expect.arrayContaining(KEYS)]);
    }
    const definitions = await indexDefinitions(database);
    for (const name of KEYS) {
      expect(definitions).toContainEqual(expect.stringContaining(`CREATE UNIQUE INDEX ${name} `));
    }
  }
});

test("the keys wait two seconds at most for a lock, and then change nothing", async () => {
  await using database = await tableDatabase();
  await olderTable(database);
  await using user = await session(database.url);
  await user.rows("BEGIN; LOCK TABLE jobs IN ACCESS SHARE MODE");
  await expect(database.rows(textOf(6))).rejects.toMatchObject({ code: "55P03" });
  await user.rows("COMMIT");
  await database.rows(textOf(6));
  expect(await database.rows("SELECT count(idempotency_key)::int n FROM jobs")).toEqual([{ n: 0 }]);
});

test("before the column of 005 the keys are refused", async () => {
  await using database = await tableDatabase();
  for (const { number, text } of tableMigrations({}, "always")) if (number < 5) await database.rows(text);
  await expect(database.rows(textOf(6))).rejects.toMatchObject({
    code: "PQR01",
    hint: "Migrations 001 to 005 come first.",
  });
});

test.for([
  ["idempotency_key", "DONE", /uq_jobs_idempotency: two jobs have one idempotency key/],
  ["debounce_key", "READY", /uq_jobs_debounce: two waiting jobs have one debounce key/],
] as const)("rows that contradict the index of %s are reported as such", async ([column, status, says]) => {
  await using database = await tableDatabase();
  await database.rows(`${PYTHON_DDL};${PYTHON_ROWS}`);
  for (const { text } of tableMigrations({}, "never")) await database.rows(text);
  await database.rows(
    `INSERT INTO jobs (job_type, status, ${column}) VALUES ('a', '${status}', 'k'), ('a', '${status}', 'k')`,
  );
  await expect(database.migrate()).rejects.toThrow(says);
});

test("an invalid index of keys that an earlier build left is replaced", async () => {
  await using database = await tableDatabase();
  await database.rows(`${PYTHON_DDL};${PYTHON_ROWS}`);
  for (const { text } of tableMigrations({}, "never")) await database.rows(text);
  const build = database.rows("CREATE UNIQUE INDEX CONCURRENTLY uq_jobs_debounce ON jobs (job_type)");
  await expect(build).rejects.toMatchObject({ code: "23505" });
  await database.migrate();
  const definitions = (await indexDefinitions(database)).join("\n");
  expect(definitions).not.toMatch(/invalid/);
  expect(definitions).toMatch(/uq_jobs_debounce ON public.jobs USING btree \(debounce_key\)/);
});

/** What becomes of a job once it was picked up, as the four ways back to READY leave it. */
const BACK = {
  retry: "attempts = 1",
  "a release": "attempts = 0, locked_by = 'worker:nonce'",
  "a snooze": "attempts = 0, locked_by = 'worker:nonce'",
  reap: "attempts = 1, locked_by = NULL",
} as const;

test("a debounce key is free once its job was picked up, whatever way it came back to wait", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  for (const back of Object.values(BACK)) {
    await database.rows(`TRUNCATE jobs; INSERT INTO jobs (job_type, debounce_key) VALUES ('a', 'k');
      UPDATE jobs SET status = 'RUNNING', attempts = 1, locked_by = 'worker:nonce';
      INSERT INTO jobs (job_type, debounce_key) VALUES ('a', 'k');
      UPDATE jobs SET status = 'READY', ${back} WHERE status = 'RUNNING'`);
    const [row] = await database.rows("SELECT count(*)::int AS n FROM jobs WHERE status = 'READY'");
    expect(row).toEqual({ n: 2 });
    const second = database.rows("INSERT INTO jobs (job_type, debounce_key) VALUES ('a', 'k')");
    await expect(second).rejects.toMatchObject({ code: "23505" });
  }
});
