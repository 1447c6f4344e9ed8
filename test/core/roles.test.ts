import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { failures, history, overview, workers } from "../../src/operate.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import { sqlState } from "../../src/core/sql/sql-state.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { heedsItsSignal } from "../support/handlers.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue, type TestQueue, type TestStore } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";

const queue = await testQueue();
const SCRIPT = readFileSync(new URL("../../sql/patterns/roles.sql", import.meta.url), "utf8");
await queue.rows(SCRIPT);

async function storeOf(role: string): Promise<TestStore> {
  const { store, client } = await queue.session();
  await client.query(`SET ROLE ${role}`);
  return store;
}

const DENIED = "42501";

async function refused(work: Promise<unknown>): Promise<void> {
  expect(await work.then(() => "allowed", sqlState)).toBe(DENIED);
}

test("a producer enqueues, with dedupe keys too, and does nothing else", async () => {
  const store = await storeOf("pqrun_producer");
  const { id } = await store.enqueue("a", { n: 1 }, { dedupeKey: "k", headers: { a: "b" } });
  expect(await store.enqueue("a", { n: 2 }, { dedupeKey: "k" })).toEqual({ id, created: false });
  await store.enqueueMany([
    { type: "a", payload: {} },
    { type: "a", payload: {}, dedupeKey: "l" },
  ]);
  await refused(store.get(id));
  await refused(store.cancel(id));
  await refused(store.pickup({ types: ["a"] }));
  await refused(store.prune({ olderThanSeconds: 0 }));
});

test("a producer enqueues with the other keys, and debounces with the right to it, but reads no payload", async () => {
  const store = await storeOf("pqrun_producer");
  for (const own of [{ idempotencyKey: "i" }, { throttle: { key: "t", seconds: 1e9 } }]) {
    const { id } = await store.enqueue("a", { n: 1 }, own);
    expect(await store.enqueue("a", { n: 2 }, own)).toEqual({ id, created: false });
  }
  const own = { debounce: { key: "d", seconds: 60 } };
  await refused(store.enqueue("a", { n: 1 }, own));
  const [grant = ""] = /GRANT UPDATE \(payload, run_after, concurrency_key\)[^;]*;/.exec(SCRIPT) ?? [];
  await queue.rows(grant);
  const { id } = await store.enqueue("a", { n: 1 }, own);
  expect(await store.enqueue("a", { n: 2 }, { ...own, concurrencyKey: "c" })).toEqual({ id, created: false });
  expect((await queue.store.get(id))?.payload).toEqual({ n: 2 });
  await refused(store.get(id));
  await queue.rows(grant.replace("GRANT", "REVOKE").replace(" TO ", " FROM "));
});

test("a worker runs, retries, cancels and prunes jobs, and can't touch the table", async () => {
  const store = await storeOf("pqrun_worker");
  const { id } = await store.enqueue("a", { n: 1 });
  const report = await drainOnce({ store, handlers: { a: () => ({ ok: true }) }, budgetMs: 5_000 });
  expect(report).toMatchObject({ done: 1, stoppedBy: "empty" });
  expect((await store.get(id))?.status).toBe("DONE");
  expect(await store.prune({ olderThanSeconds: 0 })).toMatchObject({ deleted: 1 });
  const { client } = await queue.session();
  await client.query("SET ROLE pqrun_worker");
  await refused(client.query("TRUNCATE jobs"));
  await refused(client.query("ALTER TABLE jobs ADD COLUMN more int"));
});

test("a worker's prune is refused, as its DELETE is, where a table that it can't read holds a job", async () => {
  await queue.rows("CREATE SCHEMA billing CREATE TABLE invoices (job_id bigint REFERENCES public.jobs)");
  try {
    const id = await queue.insert({ status: "'DONE'", finished_at: "now() - interval '1 hour'" });
    await queue.rows("INSERT INTO billing.invoices VALUES ($1)", [id]);
    const answered = async (): Promise<unknown> =>
      (await storeOf("pqrun_worker")).prune({ olderThanSeconds: 0 }).then(({ deleted }) => deleted, sqlState);
    expect(await answered()).toBe("23503");
    await queue.rows("GRANT SELECT ON billing.invoices TO pqrun_worker");
    expect(await answered()).toBe("23503");
    await queue.rows("GRANT USAGE ON SCHEMA billing TO pqrun_worker");
    expect(await answered()).toBe(0);
  } finally {
    await queue.rows("DROP SCHEMA billing CASCADE");
  }
});

test("a viewer counts jobs, and sees no payload and no result", async () => {
  const { id } = await queue.store.enqueue("a", { secret: true });
  const store = await storeOf("pqrun_viewer");
  expect((await store.stats()).counts.READY).toBe(1);
  expect(await overview(store)).toMatchObject({ ready: 1 });
  expect(await history(store)).toMatchObject({ sampled: 1 });
  expect([await failures(store), await workers(store)]).toMatchObject([{ looked: 0 }, []]);
  await refused(store.get(id));
  await refused(store.enqueue("a", {}));
});

/** A queue as a pool of that role's sees it. */
const asRole = (role: string): TestQueue => ({ ...queue, url: `${queue.url}?options=-c%20role%3D${role}` });

test("a worker's role is enough for a whole Worker: wake-up, extension, reaping, handlers that enqueue, drains that prune", async () => {
  const lost = await queue.insert({
    status: "'RUNNING'",
    attempts: "1",
    locked_by: "'gone'",
    lease_holder: "'gone'",
    lease_expires_at: "now() - interval '1 second'",
  });
  const role = asRole("pqrun_worker");
  const followed: string[] = [];
  await using running = startWorker(role, {
    leaseMs: 1_000,
    handlers: {
      a: async ({ store, job }) => {
        if (job.id === lost) await store.enqueue("b", {}, { dedupeKey: "b" });
      },
      b: ({ job }) => {
        followed.push(job.id);
      },
      slow: heedsItsSignal,
    },
  });
  await running.log.until("done", 2);
  expect(running.log.of("reaped").map(({ id }) => id)).toEqual([lost]);
  expect(followed).toHaveLength(1);
  // Asleep behind its guard, it hears a producer of another role.
  const producer = await storeOf("pqrun_producer");
  await producer.enqueue("a", {});
  await running.log.until("done", 3);
  const { id } = await producer.enqueue("slow", {});
  const held = async (): Promise<boolean> => {
    const [row] = await queue.rows(
      "SELECT locked_at > run_after + interval '300 ms' AS extended FROM jobs WHERE id = $1",
      [id],
    );
    return row?.["extended"] === true;
  };
  while (!(await held()));
  await running.worker.stop({ graceMs: 0 });
  expect((await queue.store.get(id))?.status).toBe("READY");
  await queue.rows("UPDATE jobs SET finished_at = now() - interval '2 days' WHERE status = 'DONE'");
  const handlers = { a: () => undefined };
  const prune = { olderThanSeconds: 86_400 };
  const report = await drainOnce({ store: pooledStore(role), handlers, prune, budgetMs: 5_000 });
  expect(report).toMatchObject({ pruned: 3, stoppedBy: "empty" });
});

const SECRETS = ["payload", "result", "*"];
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  pqrun_producer: [
    ...SECRETS.map((column) => `SELECT ${column} FROM jobs`),
    "SELECT job_type, last_error FROM jobs",
    "INSERT INTO jobs (job_type, status) VALUES ('a', 'DONE')",
    "INSERT INTO jobs (job_type, attempts) VALUES ('a', -5)",
    "INSERT INTO jobs (job_type, locked_by) VALUES ('a', 'me')",
    "INSERT INTO jobs (job_type, result) VALUES ('a', '1')",
    "UPDATE jobs SET status = 'CANCELLED'",
    "UPDATE jobs SET payload = '{}'",
    "UPDATE jobs SET run_after = now()",
    "DELETE FROM jobs",
    "INSERT INTO jobs_waiting VALUES ('w', now())",
    "DELETE FROM jobs_waiting",
    "SELECT setval('jobs_id_seq', 1)",
    "SELECT last_value FROM jobs_id_seq",
  ],
  pqrun_worker: ["SELECT setval('jobs_id_seq', 1)", "SELECT last_value FROM jobs_id_seq"],
  pqrun_viewer: [
    ...SECRETS.map((column) => `SELECT ${column} FROM jobs`),
    "SELECT jobs FROM jobs",
    "INSERT INTO jobs (job_type) VALUES ('a')",
    "UPDATE jobs SET updated_at = now()",
    "DELETE FROM jobs",
    "SELECT id FROM jobs FOR UPDATE",
    "INSERT INTO jobs_waiting VALUES ('w', now())",
    "SELECT nextval('jobs_id_seq')",
  ],
};
/** What no role of a queue may. */
const OWNERS = [
  "TRUNCATE jobs",
  "DROP TABLE jobs",
  "ALTER TABLE jobs ADD COLUMN more int",
  "ALTER TABLE jobs DISABLE TRIGGER USER",
  "CREATE INDEX ON jobs (priority)",
  "CREATE TRIGGER mine BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION jobs_wake()",
  "CREATE OR REPLACE FUNCTION jobs_wake() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
  "CREATE SCHEMA mine",
  "CREATE ROLE mine",
  "ALTER ROLE pqrun_worker SUPERUSER",
];

test.for(Object.entries(FORBIDDEN))("%s is refused whatever is not its own", async ([role, statements]) => {
  // Before PostgreSQL 15 anyone may create in public: there the owner of the database decides.
  await queue.rows("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  await queue.store.enqueue("a", { secret: true });
  const { client } = await queue.session();
  await client.query(`SET ROLE ${role}`);
  for (const statement of [...statements, ...OWNERS]) {
    const answer = await client.query(statement).then(() => "allowed", sqlState);
    expect([statement, answer]).toEqual([statement, DENIED]);
  }
  // Without the right to grant, PostgreSQL may only warn: nothing is granted all the same.
  const rights = "SELECT relacl::text FROM pg_class WHERE relname = 'jobs' ORDER BY oid";
  const before = await queue.rows(rights);
  await client.query("GRANT ALL ON jobs TO PUBLIC").catch(sqlState);
  expect(await queue.rows(rights)).toEqual(before);
});

test("the script fits another table by its name alone", async () => {
  await queue.rows("DROP SCHEMA IF EXISTS app CASCADE");
  const name = { schema: "app", table: "mails" };
  const owner = await queue.session(name);
  await migrate(pgExecutor(owner.client), name);
  await queue.rows(SCRIPT.replaceAll("public.jobs", "app.mails").replaceAll("SCHEMA public", "SCHEMA app"));
  const as = async (role: string): Promise<TestStore> => {
    const { store, client } = await queue.session(name);
    await client.query(`SET ROLE ${role}`);
    return store;
  };
  const producer = await as("pqrun_producer");
  const { id } = await producer.enqueue("a", {}, { dedupeKey: "k" });
  await refused(producer.get(id));
  const worker = { store: await as("pqrun_worker"), handlers: { a: () => undefined }, budgetMs: 5_000 };
  expect(await drainOnce(worker)).toMatchObject({ done: 1 });
  const viewer = await as("pqrun_viewer");
  expect((await viewer.stats()).counts.DONE).toBe(1);
  await refused(viewer.get(id));
});
