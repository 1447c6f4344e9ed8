import { expect, test } from "vitest";

import type { SqlStatement } from "../../src/core/executor.ts";
import { noting } from "../support/between.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const sent: SqlStatement[] = [];
const { store } = await queue.session({ between: noting(sent) });

/** How many statements `work` sends. */
async function statements(work: () => Promise<unknown>): Promise<number> {
  const before = sent.length;
  await work();
  return sent.length - before;
}

const count = async (): Promise<unknown> =>
  (await queue.rows("SELECT count(*)::int AS n FROM jobs"))[0]?.["n"];

test("one job is one statement, and the row holds what was asked for", async () => {
  const runAfter = new Date("2030-01-02T03:04:05.678Z");
  const options = { dedupeKey: "k", priority: -7, runAfter, maxAttempts: 3, timeoutSeconds: 60 };
  expect(await statements(() => store.enqueue("a", { text: "ä\u{1F600}" }, options))).toBe(1);
  const [job] = await store.list();
  expect(job).toMatchObject({
    type: "a",
    payload: { text: "ä\u{1F600}" },
    status: "READY",
    attempts: 0,
    ...options,
  });
});

test("what isn't said is the Python package's: now by the database's clock, priority 0, 5 attempts, no timeout", async () => {
  const { id } = await store.enqueue("a", {});
  const [row] = await queue.rows(
    `SELECT run_after = created_at AND created_at = updated_at AS now, priority, max_attempts, timeout_seconds,
            dedupe_key, attempts, released FROM jobs WHERE id = $1`,
    [id],
  );
  expect(row).toEqual({
    now: true,
    priority: 0,
    max_attempts: 5,
    timeout_seconds: null,
    dedupe_key: null,
    attempts: 0,
    released: 0,
  });
});

test("a delay is counted by the database's clock, to the millisecond, whatever the time zone of the session does meanwhile", async () => {
  const own = await queue.session();
  await own.client.query("SET TimeZone = 'Europe/Berlin'");
  const year = 365 * 86_400_000;
  const delays = [0, 1, 90_061_001, year / 4, year / 2, 1e12];
  for (const delayMs of delays) await own.store.enqueue("a", {}, { delayMs });
  for (const delayMs of delays) await own.store.enqueue("a", {}, { delayMs, dedupeKey: `k${delayMs}` });
  await own.store.enqueueMany(delays.map((delayMs) => ({ type: "a", payload: {}, delayMs })));
  await own.store.enqueueMany(
    delays.map((delayMs) => ({ type: "a", payload: {}, delayMs, dedupeKey: `m${delayMs}` })),
  );
  const rows = await queue.rows(
    "SELECT (extract(epoch FROM run_after - created_at) * 1000)::float8 AS ms, count(*)::int AS n FROM jobs GROUP BY 1 ORDER BY 1",
  );
  expect(rows).toEqual(delays.map((ms) => ({ ms, n: 4 })));
});

test("jobs of one call may be due now, at a time and after a delay; those that share a statement too", async () => {
  const runAfter = new Date("2030-01-02T03:04:05.678Z");
  const each = [{}, { runAfter }, { delayMs: 5_000 }];
  await store.enqueueMany(each.map((options) => ({ type: "a", payload: {}, ...options })));
  await Promise.all(each.map((options) => store.enqueue("a", {}, options)));
  const rows = await queue.rows(
    `SELECT run_after = created_at AS now, run_after = $1 AS at, run_after = created_at + interval '5 s' AS later
       FROM jobs ORDER BY id`,
    [runAfter],
  );
  const expected = [
    { now: true, at: false, later: false },
    { now: false, at: true, later: false },
    { now: false, at: false, later: true },
  ];
  expect(rows).toEqual([...expected, ...expected]);
});

test.for([
  ["without keys", false],
  ["with a key each", true],
] as const)(
  "10,000 jobs %s are one statement, and the ids come in the order of the jobs",
  async ([, keyed]) => {
    const jobs = Array.from({ length: 10_000 }, (_, n) => ({
      type: "a",
      payload: { n },
      // In no order, since the rows are written in the order of their keys.
      ...(keyed ? { dedupeKey: `key ${(n * 7919) % 10_007}` } : {}),
    }));
    let ids: string[] = [];
    const work = async (): Promise<void> => {
      const enqueued = await store.enqueueMany(jobs);
      expect(enqueued.every(({ created }) => created)).toBe(true);
      ids = enqueued.map(({ id }) => id);
    };
    expect(await statements(work)).toBe(1);
    const rows = await queue.rows(
      "SELECT id::text, (payload->>'n')::int AS n, dedupe_key FROM jobs ORDER BY n",
    );
    expect(rows).toEqual(
      jobs.map((job, n) => ({ id: ids[n], n, dedupe_key: "dedupeKey" in job ? job.dedupeKey : null })),
    );
    expect(ids.map(BigInt)).toEqual(ids.map(BigInt).toSorted((a, b) => (a < b ? -1 : 1)));
  },
);

test("of jobs with one key in one call the first is created, and all answer its id", async () => {
  const job = (dedupeKey?: string): { type: string; payload: object; dedupeKey?: string } => ({
    type: "a",
    payload: { dedupeKey: dedupeKey ?? null },
    ...(dedupeKey === undefined ? {} : { dedupeKey }),
  });
  const { id: active } = await store.enqueue("a", {}, { dedupeKey: "active" });
  const keys = ["z", "a", undefined, "z", "active", "a", undefined, "z"];
  const before = sent.length;
  const answers = await store.enqueueMany(keys.map((key) => job(key)));
  expect(answers.map(({ created }) => created)).toEqual([true, true, true, false, false, false, true, false]);
  const ids = answers.map(({ id }) => id);
  expect([ids[3], ids[7], ids[5], ids[4]]).toEqual([ids[0], ids[0], ids[1], active]);
  expect(new Set(ids).size).toBe(5);
  expect(sent.length - before).toBe(1);
  expect(await count()).toBe(5);
});

test.for([
  ["READY", {}],
  ["RUNNING", { status: "'RUNNING'", locked_by: "'x'", attempts: "1" }],
] as const)(
  "while a job with the key is %s, an enqueue answers its id and writes nothing",
  async ([, values]) => {
    const id = await queue.insert({ ...values, dedupe_key: "'k'" });
    const image = await queue.image(id);
    expect(await store.enqueue("a", { other: true }, { dedupeKey: "k", priority: 9 })).toEqual({
      id,
      created: false,
    });
    expect(await queue.image(id)).toBe(image);
    // Nobody has as much as locked it.
    expect(await queue.rows("SELECT xmax::text, count(*) OVER ()::int AS n FROM jobs")).toEqual([
      { xmax: "0", n: 1 },
    ]);
  },
);

test("10,000 duplicates leave no dead row behind", async () => {
  const jobs = Array.from({ length: 10_000 }, (_, n) => ({
    type: "a",
    payload: {},
    dedupeKey: `k${n % 100}`,
  }));
  await store.enqueueMany(jobs);
  const size = async (): Promise<unknown> =>
    (await queue.rows("SELECT pg_relation_size('jobs') AS n"))[0]?.["n"];
  const before = await size();
  const answers = await store.enqueueMany(jobs);
  expect(answers.some(({ created }) => created)).toBe(false);
  expect(await size()).toBe(before);
});

test.for(["DONE", "FAILED", "CANCELLED"])("a key is free again once its job is %s", async (status) => {
  const old = await queue.insert({ status: `'${status}'`, dedupe_key: "'k'" });
  const { id, created } = await store.enqueue("a", {}, { dedupeKey: "k" });
  expect([created, id === old]).toEqual([true, false]);
});

test("a duplicate is answered at once although another session has locked the row", async () => {
  const id = await queue.insert({ dedupe_key: "'k'" });
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query("SELECT FROM jobs WHERE id = $1 FOR UPDATE", [id]);
  expect(await store.enqueue("a", {}, { dedupeKey: "k" })).toEqual({ id, created: false });
  await client.query("ROLLBACK");
});

test("a contract's defaults are written to the row, and an enqueue's own options go before them", async () => {
  const jobs = { a: { timeoutSeconds: 300, maxAttempts: 2, priority: 4 } };
  const { store: own } = await queue.session({ jobs });
  const [first, second] = [
    await own.enqueue("a", {}),
    await own.enqueue("a", {}, { timeoutSeconds: 9, priority: 0 }),
  ];
  expect(await own.get(first.id)).toMatchObject({ timeoutSeconds: 300, maxAttempts: 2, priority: 4 });
  expect(await own.get(second.id)).toMatchObject({ timeoutSeconds: 9, maxAttempts: 2, priority: 0 });
});

test("an enqueue in a transaction exists exactly if the transaction commits", async () => {
  const { client, store: own } = await queue.session();
  for (const end of ["ROLLBACK", "COMMIT"]) {
    await client.query("BEGIN");
    await own.with(client).enqueue("a", {});
    expect(await count()).toBe(0);
    await client.query(end);
    expect(await count()).toBe(end === "COMMIT" ? 1 : 0);
  }
});

test("an enqueue's listener is called after the commit", async () => {
  const seen: unknown[] = [];
  const counted: Promise<unknown>[] = [];
  const stop = store.onEnqueue(() => counted.push(count().then((n) => seen.push(n))));
  await store.enqueue("a", {});
  stop();
  await store.enqueue("a", {});
  await Promise.all(counted);
  expect(seen).toHaveLength(1);
  expect(seen[0]).toBeGreaterThanOrEqual(1);
});

test("a listener that throws does not make a committed enqueue fail", async () => {
  const { store } = await queue.session();
  store.onEnqueue(() => {
    throw new Error("the listener's own");
  });
  expect(await store.enqueue("a", {})).toMatchObject({ created: true });
});
