import { readFileSync } from "node:fs";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { tableNames } from "../../../src/core/sql/table-names.ts";
import { catalog } from "../../support/table-catalog.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { session, type Session } from "../../support/table-sessions.ts";

const { channel } = tableNames();

let database: TableDatabase;
let listener: Session;
let heard: (string | undefined)[] = [];

beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate();
  listener = await session(database.url);
  listener.client.on("notification", (notification) => heard.push(notification.payload));
  await listener.rows(`LISTEN ${channel}`);
});
afterAll(async () => {
  await listener[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await database.rows("TRUNCATE jobs, jobs_waiting");
  await listener.rows("SELECT 1");
  heard = [];
});

/** What is heard of what was committed before: the server sends it ahead of the next answer. */
async function notifications(): Promise<number> {
  await listener.rows("SELECT 1");
  return heard.length;
}

const raiseGuard = (until: string): Promise<unknown> =>
  database.rows(`INSERT INTO jobs_waiting VALUES ('worker-1', now() + interval '${until}')`);

const INSERT = "INSERT INTO jobs (job_type) VALUES ('embed')";

test("nobody waits: an insert notifies nobody", async () => {
  await database.rows(INSERT);
  expect(await notifications()).toBe(0);
});

test("a worker waits: an insert notifies once, however many rows it has", async () => {
  await raiseGuard("1 minute");
  await database.rows("INSERT INTO jobs (job_type) SELECT 'embed' FROM generate_series(1, 1000)");
  expect(await notifications()).toBe(1);
});

test("a guard that has expired counts as nobody", async () => {
  await raiseGuard("-1 second");
  await database.rows(INSERT);
  expect(await notifications()).toBe(0);
});

test("nothing is heard before the commit, and nothing of what is rolled back", async () => {
  await raiseGuard("1 minute");
  await using writer = await session(database.url);
  await writer.rows(`BEGIN; ${INSERT}`);
  expect(await notifications()).toBe(0);
  await writer.rows("COMMIT");
  expect(await notifications()).toBe(1);
  await writer.rows(`BEGIN; ${INSERT}; ROLLBACK`);
  expect(await notifications()).toBe(1);
});

test("a guard raised while a transaction is open is seen by its next insert", async () => {
  await using writer = await session(database.url);
  await writer.rows("BEGIN; SELECT count(*) FROM jobs");
  await raiseGuard("1 minute");
  await writer.rows(`${INSERT}; COMMIT`);
  expect(await notifications()).toBe(1);
});

test.for(["REPEATABLE READ", "SERIALIZABLE"])(
  "a %s transaction notifies always, for it may not see a guard raised since it began",
  async (level) => {
    await database.rows(`BEGIN ISOLATION LEVEL ${level}; ${INSERT}; COMMIT`);
    expect(await notifications()).toBe(1);
  },
);

test("an upsert and an insert from a function wake as plain inserts do", async () => {
  await raiseGuard("1 minute");
  await database.rows(
    `INSERT INTO jobs (job_type, dedupe_key) VALUES ('embed', 'k')
     ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING') DO NOTHING`,
  );
  await database.rows(`DO $$ BEGIN ${INSERT}; END $$`);
  expect(await notifications()).toBe(2);
});

/** As a role that has just these rights, and goes with the transaction that made it. */
async function asRole(grants: string, act: (writer: Session) => Promise<unknown>): Promise<void> {
  await using writer = await session(database.url);
  const role = `pqrun_writer_${writer.pid}`;
  await writer.rows(`CREATE ROLE ${role}; ${grants.replaceAll("$role", role)}`);
  try {
    await writer.rows(`SET ROLE ${role}`);
    await act(writer);
  } finally {
    await writer.rows(`RESET ROLE; DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
}

const PRODUCER =
  "GRANT USAGE ON SCHEMA public TO $role; GRANT INSERT ON jobs TO $role; GRANT USAGE ON SEQUENCE jobs_id_seq TO $role";

test("an inserter with no right but INSERT wakes the workers", async () => {
  await raiseGuard("1 minute");
  await asRole(PRODUCER, (writer) => writer.rows(INSERT));
  expect(await notifications()).toBe(1);
});

test("an inserter that may not read the guard is not failed by it, and notifies", async () => {
  await database.rows("REVOKE SELECT ON jobs_waiting FROM PUBLIC");
  await asRole(PRODUCER, (writer) => writer.rows(INSERT));
  await database.rows("GRANT SELECT ON jobs_waiting TO PUBLIC");
  expect(await notifications()).toBe(1);
  expect(await database.rows("SELECT count(*)::int FROM jobs")).toEqual([{ count: 1 }]);
});

test("an insert succeeds where the guard is gone and NOTIFY is forbidden", async () => {
  await using broken = await tableDatabase();
  await broken.migrate();
  await broken.rows("DROP TABLE jobs_waiting; REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC");
  await using writer = await session(broken.url);
  const role = `pqrun_silenced_${writer.pid}`;
  await writer.rows(`CREATE ROLE ${role}; ${PRODUCER.replaceAll("$role", role)}; SET ROLE ${role}`);
  await writer.rows(INSERT);
  await writer.rows(`RESET ROLE; DROP OWNED BY ${role}; DROP ROLE ${role}`);
  expect(await broken.rows("SELECT count(*)::int FROM jobs")).toEqual([{ count: 1 }]);
});

test("an inserter's search_path leads the trigger nowhere else", async () => {
  await raiseGuard("1 minute");
  await using writer = await session(database.url);
  await writer.rows(`
    CREATE SCHEMA trap;
    CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT ''infinity''::timestamptz';
    CREATE FUNCTION trap.never(timestamptz, timestamptz) RETURNS bool LANGUAGE sql AS 'SELECT false';
    CREATE OPERATOR trap.> (FUNCTION = trap.never, LEFTARG = timestamptz, RIGHTARG = timestamptz);
    CREATE FUNCTION trap.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT';
    CREATE TABLE trap.jobs_waiting (worker text, until timestamptz);
    SET search_path = trap, pg_catalog;
    INSERT INTO public.jobs (job_type) VALUES ('embed')`);
  expect(await notifications()).toBe(1);
});

test("a table with the wake-up of 0.1.0 is upgraded, whoever waits, and their guards end within a day", async () => {
  await using old = await tableDatabase();
  await old.migrate();
  await old.rows("DROP TABLE jobs_waiting; DROP FUNCTION jobs_wake() CASCADE");
  await old.rows(readFileSync(new URL("../../support/fixtures/wake-up-0.1.0.sql", import.meta.url), "utf8"));
  await old.rows(
    "INSERT INTO jobs_waiting VALUES ('killed', now() + interval '10 years'), ('waits', now() + interval '1 minute')",
  );
  await old.migrate();
  const [left] = await old.rows(`SELECT count(*)::int, max(until) <= now() + interval '1 day' AS within_a_day,
    bool_or(worker = 'waits' AND until < now() + interval '2 minutes') AS others_stay FROM jobs_waiting`);
  expect(left).toEqual({ count: 2, within_a_day: true, others_stay: true });

  await using fresh = await tableDatabase();
  await fresh.migrate();
  const shape = async (of: TableDatabase): Promise<string> =>
    JSON.stringify(await catalog(of)).replaceAll(/(jobs_\w+\([^)]*\)) \d+/g, "$1");
  expect(await shape(old)).toBe(await shape(fresh));
});
