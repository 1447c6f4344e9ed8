import { afterAll, expect, test } from "vitest";
import { z } from "zod";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { defineJob } from "../../src/core/contract.ts";
import type { StandardSchema } from "../../src/core/values/standard-schema.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { testPool } from "../support/pool.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const pool = testPool(queue.url, { max: 2 });
afterAll(() => pool.end());

class Point {
  readonly x = 1;
}

const jobs = {
  date: defineJob({ payload: z.object({ at: z.object({ when: z.date() }) }) }),
  url: defineJob({ payload: z.object({ link: z.instanceof(URL) }) }),
  point: defineJob({ payload: z.object({ point: z.instanceof(Point) }) }),
  coerced: defineJob({ payload: z.object({ when: z.coerce.date() }) }),
  either: defineJob({
    payload: z.object({ when: z.union([z.date(), z.iso.datetime().transform((t) => new Date(t))]) }),
  }),
};
const store = new PgJobStore(pgExecutor(pool), { jobs, logger: false });

const REFUSED = {
  "a date": [() => store.enqueue("date", { at: { when: new Date(0) } }), /at\.when/],
  "a URL": [() => store.enqueue("url", { link: new URL("https://example.org/") }), /link/],
  "an instance of a class": [() => store.enqueue("point", { point: new Point() }), /point/],
  "one in a batch": [
    () => store.enqueueMany([{ type: "date", payload: { at: { when: new Date(0) } } }]),
    /at\.when/,
  ],
} as const;

test.for(Object.entries(REFUSED))(
  "a contract whose schema JSON does not survive refuses at enqueue, with the path: %s",
  async ([, [enqueue, path]]) => {
    await expect(enqueue()).rejects.toMatchObject({
      name: "InvalidInputError",
      field: expect.stringMatching(/payload$/) as string,
      message: expect.stringMatching(path) as string,
    });
    expect(await queue.rows("SELECT FROM jobs")).toEqual([]);
  },
);

test("a schema that takes what JSON gives back goes on working: its handler gets a Date", async () => {
  const when = new Date("2030-01-02T03:04:05.678Z");
  await store.enqueue("coerced", { when });
  await store.enqueue("either", { when });
  const seen: unknown[] = [];
  const note = (ctx: { readonly payload: { readonly when: Date } }): void => void seen.push(ctx.payload.when);
  await drainOnce({
    store,
    types: ["coerced", "either"],
    handlers: { coerced: note, either: note },
    budgetMs: 10_000,
  });
  expect(seen).toEqual([when, when]);
});

test("a payload that JSON leaves alone is validated once at enqueue, and one that it changes twice", async () => {
  const asked: unknown[] = [];
  const schema: StandardSchema<object> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => {
        asked.push(value);
        return { value: value as object };
      },
    },
  };
  const own = new PgJobStore(pgExecutor(pool), { jobs: { a: defineJob({ payload: schema }) } });
  const plain = { n: 1, list: [1, { deep: null }], none: Object.create(null) as object };
  await own.enqueue("a", plain);
  expect(asked).toEqual([plain]);
  asked.length = 0;
  const when = new Date(0);
  await own.enqueue("a", { list: [{ when }] });
  expect(asked).toEqual([{ list: [{ when }] }, { list: [{ when: when.toISOString() }] }]);
});

const LOST: Readonly<Record<string, readonly [unknown, RegExp]>> = {
  "a Map": [new Map([["a", 1]]), /a Map as an object/],
  "a Set": [new Set([1]), /a Set as a list/],
  "an empty Set": [new Set(), /a Set as a list/],
  "a Buffer": [Buffer.from("bytes"), /bytes as text/],
  "a Uint8Array": [new Uint8Array([1, 2]), /bytes as text/],
  "an empty Uint8Array": [new Uint8Array(), /bytes as text/],
  "an ArrayBuffer": [new ArrayBuffer(2), /bytes as text/],
  "a DataView": [new DataView(new ArrayBuffer(2)), /bytes as text/],
  "a Promise": [Promise.resolve(1), /a JSON value/],
  "a RegExp": [/x/, /a JSON value/],
  "a WeakMap": [new WeakMap(), /a JSON value/],
  "URL's parameters": [new URLSearchParams("a=1"), /a JSON value/],
};

test.for(Object.entries(LOST))(
  "of %s JSON would keep nothing that can be read: refused in every store, with the path",
  async ([, [value, expected]]) => {
    const refusal = {
      name: "InvalidInputError",
      field: "payload.list[0].value",
      message: expect.stringMatching(expected) as string,
    };
    await expect(queue.store.enqueue("a", { list: [{ value }] })).rejects.toMatchObject(refusal);
    const typed = new PgJobStore(pgExecutor(pool), { jobs: { a: defineJob() } });
    await expect(typed.enqueue("a", { list: [{ value }] })).rejects.toMatchObject(refusal);
  },
);

test("such a result is not stored, its job is DONE, and last_error says why", async () => {
  const { id } = await queue.store.enqueue("a", {});
  const handlers = { a: () => ({ sums: new Map([["a", 1]]) }) };
  await drainOnce({ store: queue.store, handlers, budgetMs: 10_000 });
  const job = await queue.store.get(id);
  expect(job).toMatchObject({ status: "DONE", result: null });
  expect(job?.lastError).toMatch(/^the result was not stored: InvalidInputError: result\.sums: /);
});

test("an instance with fields, and what has toJSON, are stored as their JSON without a contract", async () => {
  const { id } = await queue.store.enqueue("a", {
    point: new Point(),
    at: new Date(0),
    link: new URL("https://a/"),
  });
  const payload = { point: { x: 1 }, at: "1970-01-01T00:00:00.000Z", link: "https://a/" };
  expect((await queue.store.get(id))?.payload).toEqual(payload);
});
