import { describe, expect, test } from "vitest";

import type { SqlStatement } from "../../../src/core/executor.ts";
import type { EnqueueOptions } from "../../../src/core/enqueue/check-job.ts";
import { JobProducer } from "../../../src/core/producer.ts";
import { PgJobStore } from "../../../src/core/store.ts";
import { enqueueKeys } from "../../../src/keys.ts";
import { tableMigrations } from "../../../src/migrate/migrations.ts";
import { redrive, runNow } from "../../../src/operate.ts";
import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import { noting } from "../../support/between.ts";
import { testPool } from "../../support/pool.ts";
import { pickUpOne, testQueue } from "../../support/queue.ts";
import { tableDatabase } from "../../support/table-database.ts";

const queue = await testQueue();
const { store } = queue;

const KEYED: Readonly<Record<string, EnqueueOptions>> = {
  idempotencyKey: { idempotencyKey: "k" },
  throttle: { throttle: { key: "k", seconds: 1_000_000_000 } },
  debounce: { debounce: { key: "k", seconds: 60 } },
};
const keyed = (): readonly [string, EnqueueOptions][] => Object.entries(KEYED);

describe("idempotencyKey", () => {
  test("returns the first job's id as long as its row is there, whatever its state, and writes nothing", async () => {
    const { id } = await store.enqueue("a", { n: 1 }, { idempotencyKey: "k" });
    for (const status of ["READY", "RUNNING", "DONE", "FAILED", "CANCELLED"]) {
      await queue.rows("UPDATE jobs SET status = $1::job_status", [status]);
      const before = await queue.image(id);
      expect(await store.enqueue("a", { n: 2 }, { idempotencyKey: "k" })).toEqual({ id, created: false });
      expect(await queue.image(id)).toBe(before);
    }
    await queue.rows("DELETE FROM jobs");
    expect(await store.enqueue("a", { n: 3 }, { idempotencyKey: "k" })).toMatchObject({ created: true });
  });

  test("and dedupeKey of the same text are two keys", async () => {
    const { id } = await store.enqueue("a", {}, { idempotencyKey: "k" });
    const other = await store.enqueue("a", {}, { dedupeKey: "k" });
    expect(other).toMatchObject({ created: true });
    expect(other.id).not.toBe(id);
  });
});

describe("throttle", () => {
  const seconds = 3_600;
  const options = { throttle: { key: "k", seconds } };

  test("makes one job of a key in a window of the database's clock, and the next in the next window", async () => {
    await store.enqueue("a", { n: 1 }, options);
    // The window may end between two of them, not after each.
    const second = await store.enqueue("a", { n: 2 }, options);
    const third = await store.enqueue("a", { n: 3 }, options);
    expect([second.created, third.created]).toContain(false);
    const [row] = await queue.rows("SELECT idempotency_key AS key FROM jobs ORDER BY id DESC LIMIT 1");
    const [clock] = await queue.rows("SELECT floor(extract(epoch FROM now()) / $1)::int AS slot", [seconds]);
    const slot = Number(clock?.["slot"]);
    expect([`throttle:k:${slot}`, `throttle:k:${slot - 1}`]).toContain(row?.["key"]);
    // As if the window had passed.
    await queue.rows("DELETE FROM jobs WHERE id <> $1", [third.id]);
    await queue.rows("UPDATE jobs SET idempotency_key = 'throttle:k:' || $1", [slot - 9]);
    expect(await store.enqueue("a", { n: 4 }, options)).toMatchObject({ created: true });
  });

  test("and other windows of the key, and other keys, have jobs of their own", async () => {
    const answers = await store.enqueueMany([
      { type: "a", payload: {}, throttle: { key: "k", seconds: 1e9 } },
      { type: "a", payload: {}, throttle: { key: "k", seconds: 5e8 } },
      { type: "a", payload: {}, throttle: { key: "l", seconds: 1e9 } },
      { type: "a", payload: {}, throttle: { key: "k", seconds: 1e9 } },
    ]);
    expect(answers.map(({ created }) => created)).toEqual([true, true, true, false]);
    expect(answers[3]?.id).toBe(answers[0]?.id);
  });
});

describe("debounce", () => {
  const debounce = { key: "k", seconds: 60, maxSeconds: 100 };
  const TIMES = `SELECT payload, extract(epoch FROM run_after - created_at)::float8 AS due,
    extract(epoch FROM run_after - now())::float8 AS left FROM jobs WHERE id = $1`;
  const row = async (id: string): Promise<Record<string, unknown> | undefined> =>
    (await queue.rows(TIMES, [id]))[0];

  test("the first event makes a job that is due when the key has been quiet for so long", async () => {
    const { id, created } = await store.enqueue("a", { n: 1 }, { debounce });
    expect(created).toBe(true);
    expect(await row(id)).toMatchObject({ payload: { n: 1 }, due: 60 });
  });

  test("the next replaces its payload and puts it off, at most so far from its creation", async () => {
    const { id } = await store.enqueue("a", { n: 1 }, { debounce });
    await queue.rows(
      "UPDATE jobs SET created_at = now() - interval '30 s', run_after = now() + interval '30 s'",
    );
    expect(await store.enqueue("a", { n: 2 }, { debounce })).toEqual({ id, created: false });
    const second = await row(id);
    expect(second).toMatchObject({ payload: { n: 2 } });
    expect(second?.["due"]).toBeGreaterThanOrEqual(90);
    expect(second?.["due"]).toBeLessThan(100);
    await queue.rows(
      "UPDATE jobs SET created_at = now() - interval '90 s', run_after = now() + interval '5 s'",
    );
    await store.enqueue("a", { n: 3 }, { debounce });
    expect(await row(id)).toMatchObject({ payload: { n: 3 }, due: 100 });
  });

  test("is never hastened, nor a backlog's job put off for ever", async () => {
    const { id } = await store.enqueue("a", { n: 1 }, { debounce });
    await store.enqueue("a", { n: 2 }, { debounce: { key: "k", seconds: 1 } });
    expect(await row(id)).toMatchObject({ payload: { n: 2 }, due: 60 });
    await queue.rows(
      "UPDATE jobs SET created_at = now() - interval '1 h', run_after = now() - interval '50 min'",
    );
    await store.enqueue("a", { n: 3 }, { debounce });
    expect(await row(id)).toMatchObject({ payload: { n: 3 }, due: 600 });
  });

  test("ten times the seconds are the most that a job is put off, unless the caller says so", async () => {
    const { id } = await store.enqueue("a", {}, { debounce: { key: "k", seconds: 60 } });
    await queue.rows(
      "UPDATE jobs SET created_at = now() - interval '590 s', run_after = now() + interval '1 s'",
    );
    await store.enqueue("a", {}, { debounce: { key: "k", seconds: 60 } });
    expect(await row(id)).toMatchObject({ due: 600 });
  });

  test("an event that comes while the job runs, or after, makes the next one", async () => {
    const { id } = await store.enqueue("a", { n: 1 }, { debounce });
    await queue.rows("UPDATE jobs SET run_after = now()");
    const job = await pickUpOne(store);
    expect(job.id).toBe(id);
    const next = await store.enqueue("a", { n: 2 }, { debounce });
    expect(next).toMatchObject({ created: true });
    await store.markError(job, new Error("again"), 0);
    expect(await store.enqueue("a", { n: 3 }, { debounce })).toEqual({ id: next.id, created: false });
    expect(await queue.rows("SELECT payload->'n' AS n FROM jobs ORDER BY id")).toEqual([{ n: 1 }, { n: 3 }]);
  });

  test("of one key in a call the last is written, and all have its id", async () => {
    const many = [1, 2, 3].map((n) => ({ type: "a", payload: { n }, debounce }));
    const answers = await store.enqueueMany(many);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(answers.map(({ created }) => created)).toEqual([false, false, true]);
    const [id = ""] = answers.map((answer) => answer.id);
    expect((await row(id))?.["payload"]).toEqual({ n: 3 });
    const again = await store.enqueueMany([4, 5].map((n) => ({ type: "a", payload: { n }, debounce })));
    expect(again).toEqual([
      { id, created: false },
      { id, created: false },
    ]);
    expect((await row(id))?.["payload"]).toEqual({ n: 5 });
  });
});

test("a batch mixes jobs without a key and with each of the four, in input order", async () => {
  const before = await store.enqueueMany([
    { type: "a", payload: { n: "before" }, dedupeKey: "there" },
    { type: "a", payload: { n: "before" }, idempotencyKey: "there" },
    { type: "a", payload: { n: "before" }, debounce: { key: "there", seconds: 60 } },
  ]);
  const kinds: readonly EnqueueOptions[] = [
    {},
    { dedupeKey: "there" },
    { dedupeKey: "new" },
    { idempotencyKey: "there" },
    { idempotencyKey: "new" },
    { throttle: { key: "new", seconds: 1e9 } },
    { debounce: { key: "there", seconds: 60 } },
    { debounce: { key: "new", seconds: 60 } },
  ];
  const many = Array.from({ length: 40 }, (_, n) => ({
    type: "a",
    payload: { n },
    ...kinds[n % kinds.length],
    priority: n,
  }));
  const answers = await store.enqueueMany(many);
  const ids = answers.map(({ id }) => id);
  const [dedupe, idempotency, debounce] = before.map(({ id }) => id);
  // Of dedupe, idempotency and throttle the first of a key is written, of debounce the last.
  const written = answers.flatMap(({ created }, n) => (created ? [n] : []));
  expect(written).toEqual([0, 2, 4, 5, 8, 16, 24, 32, 39]);
  for (const [n, id] of ids.entries()) {
    const place = n % 8;
    const own = [ids[n], dedupe, ids[2], idempotency, ids[4], ids[5], debounce, ids[39]][place];
    expect(id).toBe(own);
  }
  const rows = await queue.rows("SELECT id::text, payload->'n' AS n, priority FROM jobs ORDER BY id");
  const payloads = new Map(rows.map(({ id, n }) => [String(id), n]));
  expect([dedupe, idempotency, debounce].map((id) => payloads.get(id ?? ""))).toEqual([
    "before",
    "before",
    38,
  ]);
  for (const n of written) expect(payloads.get(ids[n] ?? "")).toBe(n);
  expect(rows).toHaveLength(before.length + written.length);
});

test.for(keyed())(
  "%s of a job of another type is an error that names it, and nothing is written",
  async ([option, own]) => {
    const { id } = await store.enqueue("mail", { n: 1 }, own);
    const image = await queue.image(id);
    const conflict = { name: "DedupeConflictError", jobId: id, jobType: "mail" };
    await expect(store.enqueue("charge", {}, own)).rejects.toMatchObject({
      ...conflict,
      index: 0,
      message: expect.stringContaining(`jobs[0].${option} is active under another type`) as string,
    });
    const many = [
      { type: "charge", payload: {} },
      { type: "charge", payload: {}, debounce: { key: "another", seconds: 60 } },
      { type: "charge", payload: {}, ...own },
    ];
    await expect(store.enqueueMany(many)).rejects.toMatchObject({ ...conflict, index: 2 });
    expect(await queue.rows("SELECT FROM jobs")).toHaveLength(1);
    expect(await queue.image(id)).toBe(image);
  },
);

test.for(keyed())("%s of two types in one call is refused before anything is sent", async ([option, own]) => {
  const sent: SqlStatement[] = [];
  const { store: silent } = await queue.session({ between: noting(sent) });
  const many = ["mail", "mail", "charge"].map((type) => ({ type, payload: {}, ...own }));
  await expect(silent.enqueueMany(many)).rejects.toMatchObject({
    name: "InvalidInputError",
    field: `jobs[2].${option}`,
    expected: "a key that no mail before it has",
  });
  expect(sent).toEqual([]);
});

test.for([
  [{ dedupeKey: "k", idempotencyKey: "k" }, "idempotencyKey"],
  [{ idempotencyKey: "k", debounce: { key: "k", seconds: 1 } }, "debounce"],
  [{ idempotencyKey: "" }, "idempotencyKey"],
  [{ idempotencyKey: null }, "idempotencyKey"],
  [{ idempotencyKey: "x".repeat(513) }, "idempotencyKey"],
  [{ throttle: "k" }, "throttle.0"],
  [{ throttle: null }, "throttle.options"],
  [{ throttle: { key: "k" } }, "throttle.seconds"],
  [{ throttle: { key: "k", seconds: 0 } }, "throttle.seconds"],
  [{ throttle: { key: "k", seconds: 1.5 } }, "throttle.seconds"],
  [{ throttle: { seconds: 1 } }, "throttle.key"],
  [{ throttle: { key: "k", seconds: 1, maxSeconds: 2 } }, "throttle.maxSeconds"],
  [{ debounce: { key: "\u0000", seconds: 1 } }, "debounce.key"],
  [{ debounce: { key: "k", seconds: 1e10 } }, "debounce.seconds"],
  [{ debounce: { key: "k", seconds: 5, maxSeconds: 4 } }, "debounce.maxSeconds"],
  [{ debounce: { key: "k", seconds: 5, ms: 4 } }, "debounce.ms"],
  [{ debounce: { key: "k", seconds: 5 }, delayMs: 1 }, "debounce"],
  [{ debounce: { key: "k", seconds: 5 }, runAfter: new Date() }, "debounce"],
] as const)("%o is refused by the name of %s, before anything is sent", async ([options, field]) => {
  const given = options as unknown as EnqueueOptions;
  await expect(store.enqueue("a", {}, given)).rejects.toMatchObject({ name: "InvalidInputError", field });
  await expect(store.enqueueMany([{ type: "a", payload: {}, ...given }])).rejects.toMatchObject({
    field: `jobs[0].${field}`,
  });
  expect(await queue.rows("SELECT FROM jobs")).toHaveLength(0);
});

test("a producer takes these keys with enqueueKeys, and says so without", async () => {
  const { client } = await queue.session();
  for (const [, own] of keyed()) {
    const plain = new JobProducer(pgExecutor(client));
    await expect(plain.enqueue("a", {}, own)).rejects.toMatchObject({ field: "keys" });
    const producer = new JobProducer(pgExecutor(client), { keys: enqueueKeys });
    const { id } = await producer.enqueue("a", {}, own);
    expect(await producer.with(client).enqueue("a", {}, own)).toEqual({ id, created: false });
  }
});

test("jobs without such a key are sent with the texts that they were before", async () => {
  const sent: SqlStatement[] = [];
  const { store: noted } = await queue.session({ between: noting(sent) });
  await noted.enqueue("a", {}, { dedupeKey: "k" });
  await noted.enqueueMany([
    { type: "a", payload: {} },
    { type: "a", payload: {}, dedupeKey: "k" },
  ]);
  await noted.enqueueMany([
    { type: "a", payload: {} },
    { type: "a", payload: {} },
  ]);
  await noted.enqueue("a", {});
  expect(sent).toHaveLength(4);
  for (const { text } of sent) expect(text).not.toMatch(/idempotency|debounce/);
});

test("the statement for lists has these keys too", async () => {
  for (const [, own] of keyed()) {
    const { text, params } = await store.enqueueStatement("mail", {}, own);
    const [row] = await queue.rows(text, params);
    expect(row).toMatchObject({ created: "true", type: null });
    const other = await store.enqueueStatement("charge", {}, own);
    expect(await queue.rows(other.text, other.params)).toEqual([
      { id: row?.["id"], created: "false", type: "mail" },
    ]);
  }
});

test("a retry by hand of a job whose debounce key another one waits with says so, and ends no transaction", async () => {
  const failed = await queue.insert({ status: "'FAILED'", attempts: "5", debounce_key: "'k'" });
  const { id } = await store.enqueue("a", {}, { debounce: { key: "k", seconds: 60 } });
  const blocked = { retried: false, status: "FAILED", blockedBy: id };
  expect(await store.retry(failed)).toEqual(blocked);
  const { store: own, client } = await queue.session();
  await client.query("BEGIN; INSERT INTO jobs (job_type) VALUES ('mine')");
  expect(await own.with(client).retry(failed)).toEqual(blocked);
  await client.query("COMMIT");
  await queue.rows("UPDATE jobs SET status = 'DONE', attempts = 1 WHERE id = $1", [id]);
  expect(await store.retry(failed)).toEqual({ retried: true, status: "READY" });
});

test("a retry by hand that waits for the enqueue of its debounce key says so", async () => {
  const failed = await queue.insert({ status: "'FAILED'", debounce_key: "'k'" });
  const [enqueuing, retrying] = [await queue.session(), await queue.session()];
  await enqueuing.client.query("BEGIN");
  const debounce = { key: "k", seconds: 60 };
  const { id } = await enqueuing.store.with(enqueuing.client).enqueue("a", {}, { debounce });
  const retried = retrying.store.retry(failed);
  await queue.blocked(retrying.pid);
  await enqueuing.client.query("COMMIT");
  expect(await retried).toEqual({ retried: false, status: "FAILED", blockedBy: id });
});

test("of jobs with one debounce key the newest is redriven, and none that another one waits with", async () => {
  const ended = (status: string, key: string): Promise<string> =>
    queue.insert({ status: `'${status}'`, debounce_key: `'${key}'` });
  const [old, newest] = [await ended("CANCELLED", "k"), await ended("FAILED", "k")];
  const blocked = await ended("CANCELLED", "waits");
  const waiting = await queue.insert({ debounce_key: "'waits'" });
  expect(await redrive(store, { statuses: ["FAILED", "CANCELLED"] })).toMatchObject({
    ids: [newest],
    leftOut: [
      { id: blocked, why: "twin", blockedBy: waiting },
      { id: old, why: "twin", blockedBy: newest },
    ],
  });
});

test("what debounces can be run now, and is put off by the next event", async () => {
  const { id } = await store.enqueue("a", {}, { debounce: { key: "k", seconds: 60 } });
  expect(await runNow(store, { ids: [id] })).toMatchObject({ done: 1 });
  expect(await store.enqueue("a", {}, { debounce: { key: "k", seconds: 60 } })).toEqual({
    id,
    created: false,
  });
  expect(await queue.rows("SELECT FROM jobs WHERE run_after > now()")).toHaveLength(1);
});

test("on a table without these keys all else goes on, and an enqueue with one says what is to be done", async () => {
  await using database = await tableDatabase();
  for (const { number, text } of tableMigrations({}, "always")) if (number < 6) await database.rows(text);
  const pool = testPool(database.url, { max: 2 });
  try {
    const older = new PgJobStore(pgExecutor(pool), { logger: false });
    for (const [, own] of keyed()) {
      await expect(older.enqueue("a", {}, own)).rejects.toMatchObject({
        name: "TableError",
        message: expect.stringContaining("pqrun migrate") as string,
      });
    }
    const { id } = await older.enqueue("a", {}, { dedupeKey: "k" });
    await older.enqueueMany([
      { type: "a", payload: {}, dedupeKey: "l" },
      { type: "a", payload: {} },
    ]);
    const [job] = await older.pickup({ types: ["a"] });
    if (job !== undefined) await older.markError(job, "no", { terminal: true });
    expect(await older.retry(id)).toEqual({ retried: true, status: "READY" });
    await database.rows("UPDATE jobs SET status = 'FAILED'");
    expect(await redrive(older, {})).toMatchObject({ done: 3 });
    await older.transaction(async (tx) => {
      await tx.query("UPDATE jobs SET status = 'FAILED' WHERE id = $1", [id]);
      expect(await older.with(tx).retry(id)).toEqual({ retried: true, status: "READY" });
    });
    expect((await older.get(id))?.status).toBe("READY");
  } finally {
    await pool.end();
  }
});

test("jobs with these keys have their headers, and what is debounced those of its first event", async () => {
  const [plain, once] = await store.enqueueMany([
    { type: "a", payload: {}, headers: { tenant: "plain" } },
    { type: "a", payload: {}, headers: { tenant: "once" }, idempotencyKey: "k" },
    { type: "a", payload: {} },
  ]);
  const debounce = { key: "k", seconds: 60 };
  const { id } = await store.enqueue("a", {}, { headers: { tenant: "first" }, debounce });
  await store.enqueue("a", {}, { headers: { tenant: "second" }, debounce });
  const headers = async (job?: string): Promise<unknown> => (await store.get(job ?? ""))?.headers;
  expect([await headers(plain?.id), await headers(once?.id), await headers(id)]).toEqual([
    { tenant: "plain" },
    { tenant: "once" },
    { tenant: "first" },
  ]);
});
