import { expect, test } from "vitest";
import { z } from "zod";

import { defineJob } from "../../src/index.ts";
import type { JobContracts } from "../../src/index.ts";
import { keepLimits } from "../../src/limits.ts";
import type { SqlStatement } from "../../src/core/executor.ts";
import { noting } from "../support/between.ts";
import { testQueue } from "../support/queue.ts";
import type { TestStore } from "../support/queue.ts";

const queue = await testQueue();
const sent: SqlStatement[] = [];
const { store } = await queue.session({ between: noting(sent) });

async function storeOf(jobs: JobContracts): Promise<TestStore> {
  return (await queue.session({ jobs: jobs as never, limits: keepLimits, between: noting(sent) })).store;
}

async function keysOf(jobs: readonly { readonly id: string }[]): Promise<unknown[]> {
  const rows = await queue.rows(
    "SELECT j.concurrency_key AS key FROM unnest($1::int8[]) WITH ORDINALITY AS x(id, n) JOIN jobs j USING (id) ORDER BY n",
    [jobs.map(({ id }) => id)],
  );
  return rows.map(({ key }) => key);
}

test("each job of a call has its own concurrency key or none, with headers and other keys and without", async () => {
  const keys = ["k", undefined, `ключ "a" \\ 'b', {c} \u{1F600}`];
  for (const other of [
    {},
    { headers: { a: "b" } },
    { dedupeKey: "k" },
    { idempotencyKey: "k", headers: { a: "b" } },
    { debounce: { key: "k", seconds: 60 } },
  ]) {
    const jobs = keys.map((concurrencyKey, n) => ({
      type: "a",
      payload: {},
      concurrencyKey,
      ...(n === 1 && other),
    }));
    const all = await store.enqueueMany(jobs);
    expect(await keysOf(all)).toEqual(["k", null, keys[2]]);
    expect((await store.get(all[1]?.id ?? ""))?.headers).toEqual("headers" in other ? other.headers : {});
  }
  const one = await store.enqueue("a", {}, { concurrencyKey: "k", dedupeKey: "other", headers: { a: "b" } });
  expect(await keysOf([one])).toEqual(["k"]);
  expect((await store.get(one.id))?.headers).toEqual({ a: "b" });
});

test("a statement without a concurrency key is the one of a version that had none, and has no parameter more", async () => {
  const shapes = async (own: { readonly concurrencyKey?: string }): Promise<number[]> => {
    sent.length = 0;
    const one = { type: "a", payload: {}, ...own };
    await store.enqueue("a", {}, own);
    await store.enqueue("a", {}, { ...own, dedupeKey: "a" });
    await store.enqueueMany([one, one]);
    await store.enqueueMany([one, { ...one, dedupeKey: "b" }]);
    return sent.map(({ text, params }) =>
      text.includes("concurrency_key") ? params.length : -params.length,
    );
  };
  expect(await shapes({})).toEqual([-8, -8, -9, -8]);
  expect(await shapes({ concurrencyKey: "k" })).toEqual([9, 9, 10, 9]);
});

test("enqueues that share a statement, and a statement for a list, have their keys", async () => {
  const shared = await queue.session({ between: (executor) => ({ ...executor, outlivesRequest: true }) });
  const all = await Promise.all(
    [undefined, "k", "l"].map((concurrencyKey) => shared.store.enqueue("a", {}, { concurrencyKey })),
  );
  expect(await keysOf(all)).toEqual([null, "k", "l"]);
  const { text, params } = await store.enqueueStatement("a", {}, { concurrencyKey: "m" });
  const [row] = await queue.rows(text, params);
  expect(await keysOf([{ id: String(row?.["id"]) }])).toEqual(["m"]);
});

test.each(["", "x".repeat(513), "\u0000", "\uD800", 7, null])(
  "the concurrency key %j is refused by name before anything is sent",
  async (concurrencyKey) => {
    sent.length = 0;
    const own = { concurrencyKey: concurrencyKey as string };
    await expect(store.enqueue("a", {}, own)).rejects.toMatchObject({
      name: "InvalidInputError",
      field: "concurrencyKey",
    });
    await expect(store.enqueueMany([{ type: "a", payload: {}, ...own }])).rejects.toMatchObject({
      field: "jobs[0].concurrencyKey",
    });
    expect(sent).toEqual([]);
  },
);

test("a contract makes the key of the payload, as it was given, and an enqueue's own goes before it", async () => {
  const limited = await storeOf({
    a: defineJob<{ url: URL }>({ concurrency: { perKey: 2, key: ({ url }) => url.host || undefined } }),
    b: defineJob({
      payload: z.object({ at: z.string().transform((text) => new Date(text)) }),
      concurrency: { key: ({ at }) => at.slice(0, 4) },
    }),
    c: defineJob<object>(),
  });
  const url = new URL("https://example.org/a");
  const all = await limited.enqueueMany([
    { type: "a", payload: { url } },
    { type: "a", payload: { url }, concurrencyKey: "own" },
    { type: "a", payload: { url: new URL("file:///a") } },
    { type: "b", payload: { at: "2030-01-01" } },
    { type: "c", payload: {} },
  ]);
  expect(await keysOf(all)).toEqual(["example.org", "own", null, "2030", null]);
  expect(await keysOf([await limited.enqueue("b", { at: "2031-01-01" })])).toEqual(["2031"]);
});

test.each([
  [
    () => {
      throw new TypeError("a secret");
    },
    "jobs.a.concurrency.key: expected a key; received an object (TypeError)",
  ],
  [
    () => "",
    "jobs.a.concurrency.key: expected text of 1 to 512 characters, without NUL or lone surrogates; received",
  ],
  [() => 7, "jobs.a.concurrency.key: expected text of 1 to 512 characters"],
  // Its rejection is nobody's to hear of.
  [() => Promise.reject(new Error("late")), "jobs.a.concurrency.key: expected text of 1 to 512 characters"],
])(
  "where the contract makes no key of the payload, the error names the contract: %s",
  async (key, message) => {
    sent.length = 0;
    const limited = await storeOf({ a: defineJob<object>({ concurrency: { key: key as () => string } }) });
    const failed: unknown = await limited.enqueue("a", {}).then(undefined, (error: unknown) => error);
    expect(failed).toMatchObject({ name: "InvalidInputError", field: "jobs.a.concurrency.key" });
    expect((failed as Error).message).toContain(message);
    expect(sent).toEqual([]);
  },
);

test("what a schema refuses is the schema's to say: no key is made of it", async () => {
  const limited = await storeOf({
    a: defineJob({
      payload: z.object({ host: z.string() }),
      concurrency: { key: ({ host }) => host.trim() },
    }),
  });
  await expect(limited.enqueue("a", {})).rejects.toMatchObject({ field: "payload" });
});

test("what a debounce replaces brings its concurrency key, and leaves the one that is there where it has none", async () => {
  const debounce = { key: "follows", seconds: 60 };
  const { id } = await store.enqueue("a", {}, { debounce, concurrencyKey: "first" });
  await store.enqueue("a", {}, { debounce, concurrencyKey: "second" });
  expect(await keysOf([{ id }])).toEqual(["second"]);
  await store.enqueue("a", {}, { debounce });
  await store.enqueueMany([
    { type: "a", payload: {}, debounce },
    { type: "a", payload: {}, concurrencyKey: "another's" },
  ]);
  expect(await keysOf([{ id }])).toEqual(["second"]);
});

test("a table of a version without limits takes jobs without a concurrency key, and refuses the others by what is to be done", async () => {
  await queue.rows("ALTER TABLE jobs RENAME COLUMN concurrency_key TO absent");
  try {
    await store.enqueueMany([
      { type: "a", payload: {}, headers: { a: "b" } },
      { type: "a", payload: {} },
    ]);
    await expect(store.enqueue("a", {}, { concurrencyKey: "k" })).rejects.toMatchObject({
      name: "TableError",
    });
  } finally {
    await queue.rows("ALTER TABLE jobs RENAME COLUMN absent TO concurrency_key");
  }
});
