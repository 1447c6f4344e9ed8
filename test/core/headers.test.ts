import { expect, test } from "vitest";

import { RetryAfterError } from "../../src/core/errors.ts";
import type { SqlStatement } from "../../src/core/executor.ts";
import { runnerStore } from "../../src/core/runner-store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { noting } from "../support/between.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const sent: SqlStatement[] = [];
const { store } = await queue.session({ between: noting(sent) });

const HEADERS = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tenant: `"a" \\ 'b', {c} \u{1F600}`,
  "": "",
};

test("a job's headers are beside its payload, and come back as they were given", async () => {
  const { id } = await store.enqueue("a", { n: 1 }, { headers: HEADERS });
  expect(await store.get(id)).toMatchObject({ payload: { n: 1 }, headers: HEADERS });
  expect((await store.list())[0]?.headers).toEqual(HEADERS);
});

test("each job of a call has its own headers or none, with dedupe keys and without", async () => {
  for (const dedupeKey of [undefined, "k"]) {
    const all = await store.enqueueMany([
      { type: "a", payload: {}, headers: { n: "0" } },
      { type: "a", payload: {}, dedupeKey },
      { type: "a", payload: {}, headers: { n: "2" }, priority: 7, delayMs: 5 },
    ]);
    const jobs = await Promise.all(all.map(({ id }) => store.get(id)));
    expect(jobs.map((job) => [job?.headers, job?.priority])).toEqual([
      [{ n: "0" }, 0],
      [{}, 0],
      [{ n: "2" }, 7],
    ]);
  }
  const keyed = await store.enqueue("a", {}, { dedupeKey: "other", headers: { n: "3" } });
  expect((await store.get(keyed.id))?.headers).toEqual({ n: "3" });
});

test("a statement without headers is the one of a version that had none, and has no parameter more", async () => {
  const shapes = async (headers: {
    readonly headers?: Readonly<Record<string, string>>;
  }): Promise<number[]> => {
    sent.length = 0;
    const one = { type: "a", payload: {}, ...headers };
    await store.enqueue("a", {}, headers);
    await store.enqueue("a", {}, { ...headers, dedupeKey: "a" });
    await store.enqueueMany([one, one]);
    await store.enqueueMany([one, { ...one, dedupeKey: "b" }]);
    return sent.map(({ text, params }) => (text.includes("headers") ? params.length : -params.length));
  };
  expect(await shapes({})).toEqual([-8, -8, -9, -8]);
  expect(await shapes({ headers: { a: "b" } })).toEqual([9, 9, 10, 9]);
});

test("enqueues that share a statement keep their headers apart", async () => {
  const shared = await queue.session({ between: (executor) => ({ ...executor, outlivesRequest: true }) });
  const ids = await Promise.all(
    [undefined, { n: "1" }, { n: "2" }].map((headers) => shared.store.enqueue("a", {}, { headers })),
  );
  const jobs = await Promise.all(ids.map(({ id }) => store.get(id)));
  expect(jobs.map((job) => job?.headers)).toEqual([{}, { n: "1" }, { n: "2" }]);
});

test("a statement for a list has the headers too", async () => {
  const { text, params } = await store.enqueueStatement("a", {}, { headers: { n: "1" } });
  await queue.rows(text, params);
  expect((await store.list())[0]?.headers).toEqual({ n: "1" });
});

test.each([
  [[], "headers"],
  ["text", "headers"],
  [{ a: { b: "c" } }, "headers.a"],
  [{ a: "\u0000" }, "headers.a"],
  [{ a: "x".repeat(8_192) }, "headers"],
])("headers %j are refused by name before anything is sent", async (headers, field) => {
  sent.length = 0;
  await expect(store.enqueue("a", {}, { headers: headers as never })).rejects.toMatchObject({
    name: "InvalidInputError",
    field,
  });
  expect(sent).toEqual([]);
});

test.each([
  ["[1]", {}],
  ["null", {}],
  ['"text"', {}],
  [
    '{"a": 1, "b": {"c": 2}, "d": "e", "__proto__": "f"}',
    { a: "1", b: '{"c":2}', d: "e", ["__proto__"]: "f" },
  ],
])(
  "of what SQL has written into headers, %s, an object counts, each value as text",
  async (json, expected) => {
    const id = await queue.insert({ headers: `'${json}'` });
    const job = await store.get(id);
    expect(Object.entries(job?.headers ?? {})).toEqual(Object.entries(expected));
  },
);

test("who picks a job up has its headers, and its timeout or none, beside jobs without any", async () => {
  await store.enqueueMany([
    { type: "a", payload: {}, headers: HEADERS, timeoutSeconds: 30 },
    { type: "a", payload: {}, headers: HEADERS },
    { type: "a", payload: {}, timeoutSeconds: 30 },
    { type: "a", payload: {} },
  ]);
  const picked = await store.pickup({ types: ["a"], limit: 4 });
  const expected = [
    [HEADERS, 30],
    [HEADERS, null],
    [{}, 30],
    [{}, null],
  ];
  expect(picked.map(({ headers, timeoutSeconds }) => [headers, timeoutSeconds])).toEqual(expected);
  // As after an answer that was lost.
  const found = await runnerStore(store).findPickUp(picked.map(({ lockedBy }) => lockedBy));
  expect(found.map(({ headers, timeoutSeconds }) => [headers, timeoutSeconds])).toEqual(expected);
});

test("a handler has its job's headers, in each attempt", async () => {
  await store.enqueue("a", {}, { headers: HEADERS });
  const seen: unknown[] = [];
  await drainOnce({
    store,
    budgetMs: 5_000,
    handlers: {
      a: ({ job }) => {
        seen.push(job.headers);
        if (job.attempts === 1) throw new RetryAfterError(0);
      },
    },
  });
  expect(seen).toEqual([HEADERS, HEADERS]);
});

test("a table of a version without headers runs jobs, with headers from the moment that it has them", async () => {
  await queue.rows("ALTER TABLE jobs DROP COLUMN headers");
  const older = await queue.session();
  try {
    await older.store.enqueue("a", {});
    expect(await older.store.pickup({ types: ["a"] })).toMatchObject([{ headers: {} }]);
  } finally {
    await queue.rows("ALTER TABLE jobs ADD COLUMN headers jsonb");
  }
  await store.enqueue("a", {}, { headers: HEADERS });
  expect(await older.store.pickup({ types: ["a"] })).toMatchObject([{ headers: HEADERS }]);
});

test("a table of a version without headers takes jobs without them, shows them, and refuses the others by what is to be done", async () => {
  await queue.rows("ALTER TABLE jobs DROP COLUMN headers");
  try {
    const { id } = await store.enqueue("a", {});
    expect((await store.get(id))?.headers).toEqual({});
    await expect(store.enqueue("a", {}, { headers: { n: "1" } })).rejects.toMatchObject({
      name: "TableError",
    });
  } finally {
    await queue.rows("ALTER TABLE jobs ADD COLUMN headers jsonb");
  }
});
