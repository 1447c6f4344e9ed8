import { expect, test } from "vitest";

import { migrate } from "../../../src/migrate/migrate.ts";
import { renderMigrations, tableMigrations } from "../../../src/migrate/migrations.ts";
import { isPqrunError } from "../../../src/core/errors.ts";
import { executor as ownExecutor } from "../../../src/core/make-executor.ts";
import { indexDefinitions } from "../../support/table-catalog.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { PYTHON_DDL, PYTHON_ROWS } from "../../support/table-python.ts";
import { session, waitsForLock } from "../../support/table-sessions.ts";

const WITH_ROWS = `${PYTHON_DDL};${PYTHON_ROWS};`;

/** A build that breaks off, as a real one does: rows contradict it. */
async function leaveInvalid(database: TableDatabase, name: string): Promise<void> {
  const build = database.rows(`CREATE UNIQUE INDEX CONCURRENTLY ${name} ON jobs (job_type)`);
  await expect(build).rejects.toMatchObject({ code: "23505" });
  expect(await indexDefinitions(database)).toContainEqual(
    expect.stringMatching(new RegExp(`^invalid .* ${name} `)),
  );
}

async function expectComplete(database: TableDatabase): Promise<void> {
  const indexes = await indexDefinitions(database);
  expect(indexes.join("\n")).not.toMatch(/invalid/);
  for (const name of [
    " jobs_ready ",
    "jobs_ready_due ",
    "jobs_running ",
    "jobs_failed ",
    "jobs_cancelled ",
    "uq_jobs_active_dedupe ",
    "uq_jobs_tick ",
    "uq_jobs_idempotency ",
    "uq_jobs_debounce ",
    "jobs_parked ",
    "jobs_running_keys ",
    "jobs_begun ",
  ]) {
    expect(indexes.filter((definition) => definition.includes(name))).toHaveLength(1);
  }
  expect(indexes).toContainEqual(expect.stringContaining("(job_type, priority DESC, run_after, id)"));
}

test("an invalid index that an earlier build left is replaced, beside the table's rows", async () => {
  await using database = await tableDatabase();
  await database.rows(WITH_ROWS);
  await leaveInvalid(database, "jobs_ready");
  const report = await database.migrate();
  expect(report.built.toSorted()).toEqual([
    "jobs_begun",
    "jobs_cancelled",
    "jobs_failed",
    "jobs_parked",
    "jobs_ready",
    "jobs_ready_due",
    "jobs_running",
    "jobs_running_keys",
    "uq_jobs_debounce",
    "uq_jobs_idempotency",
    "uq_jobs_tick",
  ]);
  await expectComplete(database);
});

test("pqrun sql replaces an invalid index too", async () => {
  await using database = await tableDatabase();
  await database.rows(WITH_ROWS);
  await leaveInvalid(database, "jobs_running");
  await database.rows(renderMigrations());
  await expectComplete(database);
});

test("pqrun sql --concurrently builds it anew, and migrate drops what it set aside", async () => {
  await using database = await tableDatabase();
  await database.rows(WITH_ROWS);
  await leaveInvalid(database, "jobs_running");
  const [blocks = "", builds = ""] = renderMigrations({ concurrently: true }).split("-- One at a time");
  await database.rows(blocks);
  for (const build of builds.match(/^CREATE.*;$/gm) ?? []) await database.rows(build);
  expect(await indexDefinitions(database)).toContainEqual(
    expect.stringMatching(/^invalid .* pqrun_invalid_\d+ /),
  );
  await database.migrate();
  await expectComplete(database);
});

test("an invalid index that was set aside and not yet dropped is dropped by the next migrate", async () => {
  await using database = await tableDatabase();
  await database.rows(WITH_ROWS);
  await leaveInvalid(database, "jobs_ready");
  for (const { text } of tableMigrations({}, "empty")) await database.rows(text);
  expect(await indexDefinitions(database)).toContainEqual(
    expect.stringMatching(/^invalid .* pqrun_invalid_\d+ /),
  );
  await database.migrate();
  await expectComplete(database);
});

test("a migrate that is killed in the middle of a build is finished by the next", async () => {
  await using database = await tableDatabase();
  await database.rows(WITH_ROWS);
  await using writer = await session(database.url);
  await using applier = await session(database.url);
  const { promise: building, resolve } = Promise.withResolvers<undefined>();
  const log = (line: string): void => (line === "building index jobs_ready" ? resolve(undefined) : undefined);
  // All but the indexes, for the writer would be in the way of that too.
  for (const { text } of tableMigrations({}, "empty")) await database.rows(text);
  await writer.rows("BEGIN; UPDATE jobs SET updated_at = now() WHERE id = 1");
  const killed = expect(migrate(applier.executor, {}, { log })).rejects.toThrow();
  await building;
  await waitsForLock(database, applier.pid);
  await database.rows("SELECT pg_terminate_backend($1)", [applier.pid]);
  await killed;
  await writer.rows("ROLLBACK");
  expect(await indexDefinitions(database)).toContainEqual(expect.stringMatching(/^invalid .* jobs_ready /));
  await database.migrate();
  await expectComplete(database);
});

test("while somebody else builds, migrate waits between statements and holds no snapshot", async () => {
  await using database = await tableDatabase();
  await database.rows(WITH_ROWS);
  for (const { text } of tableMigrations({}, "empty")) await database.rows(text);
  await using writer = await session(database.url);
  await using builder = await session(database.url);
  await using applier = await session(database.url);
  await writer.rows("BEGIN; UPDATE jobs SET updated_at = now() WHERE id = 1");
  const build = builder.rows("CREATE INDEX CONCURRENTLY jobs_running ON jobs (id) WHERE status = 'RUNNING'");
  await waitsForLock(database, builder.pid);

  const seen: unknown[] = [];
  const wait = async (): Promise<void> => {
    seen.push(
      ...(await database.rows("SELECT state, backend_xmin AS snapshot FROM pg_stat_activity WHERE pid = $1", [
        applier.pid,
      ])),
    );
    await writer.rows("ROLLBACK");
    await build;
  };
  const lines: string[] = [];
  const report = await migrate(applier.executor, {}, { wait, log: (line) => lines.push(line) });
  expect(seen).toEqual([{ state: "idle", snapshot: null }]);
  expect(lines).toEqual([
    `waiting: process ${builder.pid} builds an index`,
    "building index jobs_ready",
    "building index jobs_ready_due",
    "building index jobs_failed",
    "building index jobs_cancelled",
    "building index uq_jobs_tick",
    "building index uq_jobs_idempotency",
    "building index uq_jobs_debounce",
    "building index jobs_parked",
    "building index jobs_running_keys",
    "building index jobs_begun",
  ]);
  expect(report.built.toSorted()).toEqual([
    "jobs_begun",
    "jobs_cancelled",
    "jobs_failed",
    "jobs_parked",
    "jobs_ready",
    "jobs_ready_due",
    "jobs_running",
    "jobs_running_keys",
    "uq_jobs_debounce",
    "uq_jobs_idempotency",
    "uq_jobs_tick",
  ]);
  await expectComplete(database);
});

test("where the build that migrate waits for is killed, migrate does it anew", async () => {
  await using database = await tableDatabase();
  await database.rows(WITH_ROWS);
  for (const { text } of tableMigrations({}, "empty")) await database.rows(text);
  await using writer = await session(database.url);
  await using builder = await session(database.url);
  await writer.rows("BEGIN; UPDATE jobs SET updated_at = now() WHERE id = 1");
  const killed = expect(
    builder.rows("CREATE INDEX CONCURRENTLY jobs_ready ON jobs (status)"),
  ).rejects.toThrow();
  await waitsForLock(database, builder.pid);
  const wait = async (): Promise<void> => {
    await database.rows("SELECT pg_terminate_backend($1)", [builder.pid]);
    await killed;
    await writer.rows("ROLLBACK");
  };
  await database.migrate({}, { wait });
  await expectComplete(database);
});

test("on a busy table the new columns wait a short while, let the others pass, and try again", async () => {
  await using database = await tableDatabase();
  await database.rows(WITH_ROWS);
  await using reader = await session(database.url);
  await reader.rows("BEGIN; SELECT count(*) FROM jobs");
  const waits: number[] = [];
  const wait = async (ms: number): Promise<void> => {
    waits.push(ms);
    // Nothing of ours is in the queue for the table's lock: a writer passes at once.
    await database.rows("INSERT INTO jobs (job_type) VALUES ('embed')");
    await reader.rows("COMMIT");
  };
  expect(await database.migrate({}, { wait })).toMatchObject({ table: "upgraded" });
  expect(waits).toHaveLength(1);
  await expectComplete(database);
});

test("two active jobs with one dedupe key are reported as such, and leave the rest of the upgrade done", async () => {
  await using database = await tableDatabase();
  await database.rows(`${WITH_ROWS} DROP INDEX uq_jobs_active_dedupe;
    INSERT INTO jobs (job_type, dedupe_key) VALUES ('embed', 'twice'), ('embed', 'twice')`);
  const waits: number[] = [];
  const wait = (ms: number): Promise<void> => Promise.resolve(void waits.push(ms));
  const error: unknown = await database.migrate({}, { wait }).catch((reason: unknown) => reason);
  expect(waits).toEqual([]);
  expect(isPqrunError(error, "table") && error.message).toMatch(
    /uq_jobs_active_dedupe: two active jobs have one dedupe key/,
  );
  await database.rows("DELETE FROM jobs WHERE dedupe_key = 'twice'");
  await database.migrate();
  await expectComplete(database);
});

test("an aborted migrate stops with the signal's reason, and is finished by the next", async () => {
  await using database = await tableDatabase();
  await database.rows(WITH_ROWS);
  const stop = new AbortController();
  const log = (line: string): void =>
    line.startsWith("building") ? stop.abort(new Error("deploy cancelled")) : undefined;
  await expect(database.migrate({}, { signal: stop.signal, log })).rejects.toThrow("deploy cancelled");
  await database.migrate();
  await expectComplete(database);
});

test("an error that stays is not tried again", async () => {
  let sent = 0;
  const refusal = Object.assign(new Error("permission denied for schema public"), { code: "42501" });
  const executor = ownExecutor({
    query: () => {
      sent += 1;
      return Promise.reject(refusal);
    },
  });
  await expect(migrate(executor)).rejects.toBe(refusal);
  expect(sent).toBe(1);
});
