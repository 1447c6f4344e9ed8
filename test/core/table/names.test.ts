import { expect, test } from "vitest";

import { migrate } from "../../../src/migrate/migrate.ts";
import { queueIndexes, renderMigrations } from "../../../src/migrate/migrations.ts";
import { tableNames } from "../../../src/core/sql/table-names.ts";
import { executor as ownExecutor } from "../../../src/core/make-executor.ts";
import { indexDefinitions } from "../../support/table-catalog.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { session } from "../../support/table-sessions.ts";

interface Name {
  readonly schema: string;
  readonly table: string;
}

const ODD: readonly Name[] = [
  { schema: "Queue", table: "Jobs" },
  { schema: "my schema", table: "my jobs" },
  { schema: 'quo"ted', table: 'say "jobs"' },
  { schema: "it's", table: "it's''jobs'" },
  { schema: "back\\slash", table: "jobs\\" },
  { schema: "$pqrun$", table: "$pqrun$" },
  { schema: "$body$", table: "$$ $1 $& $` \\x24" },
  { schema: "схема", table: "задачи 工作 🐘" },
  { schema: "select", table: "table" },
  { schema: "%s %I", table: "100% %L" },
  { schema: "a.b", table: "c.d" },
  { schema: "'; DROP SCHEMA public CASCADE; --", table: '"; DROP TABLE jobs; --' },
  { schema: "s".repeat(63), table: "t".repeat(63) },
  { schema: "ш".repeat(31), table: "🐘".repeat(15) },
  { schema: "queue_of_jobs", table: "-- /* */" },
];

/** Notifications that arrive up to the answer of a statement sent after `act`. */
async function notifiedOn(database: TableDatabase, name: Name, act: string): Promise<number> {
  await using listener = await session(database.url);
  let heard = 0;
  listener.client.on(
    "notification",
    ({ channel }) => (heard += channel === tableNames(name).channel ? 1 : 0),
  );
  await listener.rows(`LISTEN "${tableNames(name).channel.replaceAll('"', '""')}"`);
  await database.rows(act);
  await listener.rows("SELECT 1");
  return heard;
}

test.for(ODD)("schema $schema, table $table: works as any other", async (name) => {
  await using database = await tableDatabase();
  await database.rows("CREATE TABLE jobs (mine int)");
  await database.rows(renderMigrations(name));
  expect(await database.migrate({ ...name, pythonPickIndex: true })).toMatchObject({ table: "unchanged" });
  const { jobs, waiting, schedules, tick } = tableNames(name);
  expect(await indexDefinitions(database, jobs)).toHaveLength(
    queueIndexes({ pythonPickIndex: true }).length + 1,
  );
  await database.rows(`INSERT INTO ${waiting} VALUES ('worker', now() + interval '1 minute')`);
  expect(await notifiedOn(database, name, `INSERT INTO ${jobs} (job_type) VALUES ('embed')`)).toBe(1);
  const plan = `INSERT INTO ${schedules} (name, job_type, cron) VALUES ('nightly', 'embed', '0 3 * * *')`;
  expect(await notifiedOn(database, name, plan)).toBe(1);
  expect(await database.rows(`SELECT schedule FROM ${tick}(1, now() + interval '2 days')`)).toEqual([
    { schedule: "nightly" },
  ]);
  expect(await database.rows("SELECT mine FROM jobs")).toEqual([]);
});

test.for([
  ["empty", ""],
  ["NUL", "a\0b"],
  ["line feed", "a\nb"],
  ["64 bytes", "x".repeat(64)],
  ["64 bytes in 32 characters", "ш".repeat(32)],
  ["a lone surrogate", "a\ud800"],
] as const)("a hostile name is refused before anything is sent, naming the option: %s", async ([, name]) => {
  const executor = ownExecutor({ query: () => Promise.reject(new Error("sent")) });
  for (const field of ["schema", "table"]) {
    const refusal = { field, expected: expect.stringContaining("1 to 63 bytes") as string };
    expect(() => renderMigrations({ [field]: name })).toThrow(expect.objectContaining(refusal) as Error);
    await expect(migrate(executor, { [field]: name })).rejects.toMatchObject(refusal);
  }
});

test("the table can't take the enum's name", () => {
  expect(() => renderMigrations({ table: "job_status" })).toThrow(
    /table: expected a name that the enum doesn't have/,
  );
});

test("two tables in one schema, however long and alike, each get their indexes, trigger and channel", async () => {
  await using database = await tableDatabase();
  const stem = "x".repeat(62);
  const tables = ["jobs", "mails", `${stem}a`, `${stem}b`];
  for (const table of tables) await database.migrate({ table });
  for (const table of tables)
    expect(await indexDefinitions(database, `public.${table}`)).toHaveLength(queueIndexes({}).length + 1);

  const guard = ({ waiting }: { waiting: string }): string =>
    `INSERT INTO ${waiting} VALUES ('w', now() + interval '1 minute')`;
  for (const table of tables) await database.rows(guard(tableNames({ table })));
  for (const [i, table] of tables.entries()) {
    const other = tables[(i + 1) % tables.length] ?? "";
    const insert = `INSERT INTO ${tableNames({ table }).jobs} (job_type) VALUES ('embed')`;
    expect(await notifiedOn(database, { schema: "public", table }, insert)).toBe(1);
    expect(await notifiedOn(database, { schema: "public", table: other }, insert)).toBe(0);
  }
});

test("a queue whose table bears the name that another queue derived is refused", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  await expect(database.migrate({ table: "jobs_waiting" })).rejects.toThrow(
    /jobs_waiting is not a job queue/,
  );
  await expect(database.migrate({ table: "jobs_ready" })).rejects.toThrow(
    /jobs_ready is not an ordinary table/,
  );
});
