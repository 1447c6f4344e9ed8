import { Client, Pool } from "pg";
import { expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { UnknownOutcomeError } from "../../src/core/errors.ts";
import type { SqlStatement } from "../../src/core/executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { noting } from "../support/between.ts";
import { pickUpOf, pickUpOne, testQueue, type QueueSession, type TestStore } from "../support/queue.ts";
import { freePort } from "../support/server-process.ts";

const queue = await testQueue();

type Call = (store: TestStore, signal: AbortSignal) => Promise<unknown>;

const INSERT_KEY = "INSERT INTO jobs (job_type, dedupe_key) VALUES ('a', 'k')";

/** An enqueue that waits for a rival's transaction. */
async function waitingEnqueue(): Promise<{
  own: QueueSession;
  rival: QueueSession;
  enqueued: Promise<unknown>;
}> {
  const [rival, own] = [await queue.session(), await queue.session()];
  await rival.client.query(`BEGIN; ${INSERT_KEY}`);
  const enqueued = own.store.enqueue("a", {}, { dedupeKey: "k" }).catch((error: unknown) => error);
  await queue.blocked(own.pid);
  return { own, rival, enqueued };
}

test("an enqueue whose session is ended while it runs throws UnknownOutcomeError", async () => {
  const { own, rival, enqueued } = await waitingEnqueue();
  await queue.rows("SELECT pg_terminate_backend($1)", [own.pid]);
  expect(await enqueued).toMatchObject({
    name: "UnknownOutcomeError",
    operation: "enqueue",
    cause: { code: "57P01" },
  });
  await rival.client.query("ROLLBACK");
});

test("an enqueue whose connection breaks while it runs throws UnknownOutcomeError", async () => {
  const { own, rival, enqueued } = await waitingEnqueue();
  (own.client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  expect(await enqueued).toMatchObject({ name: "UnknownOutcomeError", operation: "enqueue" });
  await rival.client.query("ROLLBACK");
});

test("an enqueue that the server cancelled had no effect, and its error says so by its SQLSTATE", async () => {
  const { own, rival, enqueued } = await waitingEnqueue();
  await queue.rows("SELECT pg_cancel_backend($1)", [own.pid]);
  expect(await enqueued).toMatchObject({ code: "57014" });
  await rival.client.query("ROLLBACK");
});

test("an enqueue that the server refused is no unknown outcome", async () => {
  const { store } = await queue.session();
  await queue.rows("ALTER TABLE jobs ADD CONSTRAINT polite CHECK (payload = '{}')");
  try {
    await expect(store.enqueue("a", { rude: true })).rejects.toMatchObject({ code: "23514" });
  } finally {
    await queue.rows("ALTER TABLE jobs DROP CONSTRAINT polite");
  }
});

test("a statement that never left is no unknown outcome: nobody listens there", async () => {
  const pool = new Pool({ host: "127.0.0.1", port: await freePort(), user: "u", password: "p" });
  const store = new PgJobStore(pgExecutor(pool));
  await expect(store.enqueue("a", {})).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await pool.end();
});

test("a statement that never left is no unknown outcome: the password is wrong", async () => {
  const url = new URL(queue.url);
  url.username = "nobody_of_that_name";
  const pool = new Pool({ connectionString: url.href });
  const store = new PgJobStore(pgExecutor(pool));
  await expect(store.enqueue("a", {})).rejects.toMatchObject({
    code: expect.stringMatching(/^28/) as string,
  });
  await pool.end();
});

test("a read that was cut off is no unknown outcome: it has none", async () => {
  const [own, lock] = [await queue.session(), await queue.session()];
  await lock.client.query("BEGIN; LOCK TABLE jobs");
  const got = own.store.get("1").catch((error: unknown) => error);
  await queue.blocked(own.pid);
  await queue.rows("SELECT pg_terminate_backend($1)", [own.pid]);
  expect(await got).toMatchObject({ code: "57P01" });
  await lock.client.query("ROLLBACK");
});

test("inside a transaction nothing has taken effect before its COMMIT: the driver's error is the caller's", async () => {
  const [rival, own] = [await queue.session(), await queue.session()];
  await rival.client.query(`BEGIN; ${INSERT_KEY}`);
  await own.client.query("BEGIN");
  const enqueued = own.store
    .with(own.client)
    .enqueue("a", {}, { dedupeKey: "k" })
    .catch((error: unknown) => error);
  await queue.blocked(own.pid);
  await queue.rows("SELECT pg_terminate_backend($1)", [own.pid]);
  expect(await enqueued).toMatchObject({ code: "57P01" });
  await rival.client.query("ROLLBACK");
});

test("a turn that was cut off is answered unknown, and its settlement can be repeated alone", async () => {
  const { store } = queue;
  await queue.insert();
  const job = await pickUpOne(store);
  const [own, lock] = [await queue.session(), await queue.session()];
  await lock.client.query("BEGIN; LOCK TABLE jobs IN SHARE MODE");
  const settlements = [{ job, durationMs: 1, outcome: "done", resultText: null }] as const;
  const turn = own.store.turn({ settlements, pickUp: pickUpOf() }).catch((error: unknown) => error);
  await queue.blocked(own.pid);
  await queue.rows("SELECT pg_terminate_backend($1)", [own.pid]);
  expect(await turn).toMatchObject({ name: "UnknownOutcomeError", operation: "turn" });
  await lock.client.query("ROLLBACK");
  expect((await store.turn({ settlements })).settlements).toMatchObject([{ verdict: "settled" }]);
});

test("a signal's abort while the statement runs is an unknown outcome that keeps the reason", async () => {
  const [own, lock] = [await queue.session(), await queue.session()];
  await lock.client.query("BEGIN; LOCK TABLE jobs IN SHARE MODE");
  const controller = new AbortController();
  const turn = own.store
    .turn({ pickUp: pickUpOf() }, { signal: controller.signal })
    .catch((error: unknown) => error);
  await queue.blocked(own.pid);
  controller.abort(new Error("out of time"));
  expect(await turn).toMatchObject({ name: "UnknownOutcomeError", cause: { message: "out of time" } });
  await lock.client.query("ROLLBACK");
});

test.for([
  ["an enqueue with a key", (store, signal) => store.enqueue("a", {}, { dedupeKey: "k", signal }), "enqueue"],
  ["an enqueue without", (store, signal) => store.enqueue("a", {}, { signal }), "enqueue"],
  ["enqueueMany", (store, signal) => store.enqueueMany([{ type: "a", payload: {} }], { signal }), "enqueue"],
  ["a cancel", (store, signal) => store.cancel("1", { signal }), "cancel"],
] satisfies (readonly [string, Call, string])[])(
  "the signal of %s, while that waits at the server, ends it there: an unknown outcome that keeps the reason",
  async ([, call, operation]) => {
    const [own, lock] = [await queue.session(), await queue.session()];
    await lock.client.query("BEGIN; LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE");
    const controller = new AbortController();
    const called = call(own.store, controller.signal).catch((error: unknown) => error);
    await queue.blocked(own.pid);
    controller.abort(new Error("the client has gone"));
    const cause = { message: "the client has gone" };
    expect(await called).toMatchObject({ name: "UnknownOutcomeError", operation, cause });
    // The client's next statement comes after what became of this one.
    await own.client.query("SELECT");
    await lock.client.query("ROLLBACK");
    expect(await queue.rows("SELECT FROM jobs")).toEqual([]);
  },
);

test("a get whose signal fires while it waits throws the reason: it has no outcome", async () => {
  const [own, lock] = [await queue.session(), await queue.session()];
  await lock.client.query("BEGIN; LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE");
  const controller = new AbortController();
  const got = own.store.get("a", "1", { signal: controller.signal }).catch((error: unknown) => error);
  await queue.blocked(own.pid);
  const reason = new Error("the client has gone");
  controller.abort(reason);
  expect(await got).toBe(reason);
  await lock.client.query("ROLLBACK");
});

test.for([
  ["enqueue", (store, signal) => store.enqueue("a", {}, { signal })],
  ["enqueueMany", (store, signal) => store.enqueueMany([{ type: "a", payload: {} }], { signal })],
  ["get", (store, signal) => store.get("1", { signal })],
  ["get with a type", (store, signal) => store.get("a", "1", { signal })],
  ["cancel", (store, signal) => store.cancel("1", { signal })],
] satisfies (readonly [string, Call])[])(
  "%s whose signal has fired before sends nothing, and throws the signal's own reason",
  async ([, call]) => {
    const sent: SqlStatement[] = [];
    const { store } = await queue.session({ between: noting(sent) });
    const reason = new Error("the client has gone");
    await expect(call(store, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(sent).toEqual([]);
  },
);

test("an enqueue whose signal fires while it waits for a connection is never sent", async () => {
  const pool = new Pool({ connectionString: queue.url, max: 1 });
  const store = new PgJobStore(pgExecutor(pool));
  const busy = await pool.connect();
  const controller = new AbortController();
  const enqueued = store.enqueue("a", {}, { signal: controller.signal }).catch((error: unknown) => error);
  while (pool.waitingCount === 0) await new Promise(setImmediate);
  controller.abort(new Error("the client has gone"));
  expect(await enqueued).toMatchObject({ cause: { message: "the client has gone" } });
  busy.release();
  expect(await store.stats()).toMatchObject({ counts: { READY: 0 } });
  await pool.end();
});

test("a table that isn't there is named, with the command that makes it", async () => {
  const client = new Client({ connectionString: queue.url });
  await client.connect();
  const store = new PgJobStore(pgExecutor(client), { table: "absent" });
  await expect(store.enqueue("a", {})).rejects.toMatchObject({
    name: "TableError",
    // Without the option the command would make another table.
    message: expect.stringMatching(/"public"\."absent".*`pqrun migrate --table absent`$/) as string,
  });
  await expect(store.turn({})).rejects.toMatchObject({ name: "TableError" });
  const odd = new PgJobStore(pgExecutor(client), { schema: "an odd one" });
  await expect(odd.stats()).rejects.toThrow('run `pqrun migrate --schema "an odd one"`');
  await queue.rows("ALTER TABLE jobs RENAME TO jobs_gone");
  await expect(new PgJobStore(pgExecutor(client)).stats()).rejects.toThrow(/run `pqrun migrate`$/);
  await queue.rows("ALTER TABLE jobs_gone RENAME TO jobs");
  await client.end();
});

test("the message of an unknown outcome ends with its cause's first line, without credentials", () => {
  const message = (cause: unknown): string => new UnknownOutcomeError("enqueue", cause).message;
  const start = "enqueue: the outcome is unknown, no answer came";
  expect(message(new Error("Connection terminated\n  unexpectedly"))).toBe(`${start}: Connection terminated`);
  for (const secret of [
    "postgres://u:se cr@t@host/db",
    "password='s e' dbname=d",
    "PGPASSWORD=s",
    "dsn=postgres%3A%2F%2Fu:s%40h",
  ])
    expect(message(new Error(`no way to ${secret}`))).toBe(`${start}: no way to ***`);
  expect(message(new Error("x".repeat(1_000)))).toHaveLength(start.length + 202);
  for (const cause of [undefined, null, "text", {}, { message: 5 }]) expect(message(cause)).toBe(start);
});
