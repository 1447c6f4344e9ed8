import { expect, test } from "vitest";

import { defineJob } from "../../src/core/contract.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const GREAT = '{"orderId": 12345678901234567890}';

test("get and list give the text where an integer beyond 2^53 would be rounded, in a payload and in a result", async () => {
  const id = await queue.insert({ payload: `'${GREAT}'`, result: `'${GREAT}'`, status: "'DONE'" });
  const expected = { payload: GREAT, result: GREAT };
  expect(await store.get(id)).toMatchObject(expected);
  expect(await store.list()).toMatchObject([expected]);
});

test("get and list read payloads and results with the store's own parse, whatever it resolves to", async () => {
  const { client } = await queue.session();
  const parse = (text: string): Promise<unknown> => Promise.resolve({ own: text });
  const own = new PgJobStore(pgExecutor(client), { parse });
  const id = await queue.insert({ payload: `'${GREAT}'`, result: "'1'", status: "'DONE'" });
  const expected = { payload: { own: GREAT }, result: { own: "1" } };
  expect(await own.get(id)).toMatchObject(expected);
  expect(await own.list()).toMatchObject([expected]);
});

test("what the store's own parse refuses is read as usual", async () => {
  const { client } = await queue.session();
  const refusing = (): never => {
    throw new Error("not mine");
  };
  const own = new PgJobStore(pgExecutor(client), { parse: refusing });
  const id = await queue.insert({ payload: `'{"n": 1}'` });
  expect(await own.get(id)).toMatchObject({ payload: { n: 1 }, result: null });
});

test("get with a contract's name gives that job, and null for a job of another type, as for none", async () => {
  const { client } = await queue.session();
  const jobs = {
    embed: defineJob<{ text: string }, { size: number }>(),
    letter: defineJob<{ to: string }>(),
  };
  const own = new PgJobStore(pgExecutor(client), { jobs });
  const { id } = await own.enqueue("embed", { text: "short" });
  expect(await own.get("embed", id)).toMatchObject({ payload: { text: "short" }, result: null });
  expect(await own.get("letter", id)).toBeNull();
  expect(await own.get("embed", `${id}0`)).toBeNull();
  await drainOnce({
    store: own,
    budgetMs: 60_000,
    handlers: { embed: ({ payload }) => ({ size: payload.text.length }), letter: () => undefined },
  });
  expect((await own.get("embed", id))?.result?.size).toBe(5);
});

test("get with a type refuses one that has no contract; a store without contracts has any", async () => {
  const { client } = await queue.session();
  const own = new PgJobStore(pgExecutor(client), { jobs: { embed: defineJob() } });
  const id = await queue.insert({ job_type: "'letter'" });
  await expect(own.get("letter" as never, id)).rejects.toMatchObject({
    name: "InvalidInputError",
    field: "type",
  });
  expect(await store.get("letter", id)).toMatchObject({ id, type: "letter" });
  expect(await store.get("embed", id)).toBeNull();
});

test("a moment beyond JavaScript's, such as infinity, is its latest or earliest Date, and JSON can tell it", async () => {
  const later = await queue.insert({ run_after: "'infinity'" });
  const earlier = await queue.insert({ run_after: "'-infinity'" });
  const runAfter = async (id: string): Promise<string | undefined> =>
    (await store.get(id))?.runAfter.toISOString();
  expect(await runAfter(later)).toBe("+275760-09-13T00:00:00.000Z");
  expect(await runAfter(earlier)).toBe("-271821-04-20T00:00:00.000Z");
  const [job] = await store.pickup({ types: ["a"] });
  expect(job?.runAfter.toISOString()).toBe("-271821-04-20T00:00:00.000Z");
});

test("payload and result come as the text that the database has, too, in which no number is rounded", async () => {
  const id = await queue.insert({ payload: "'{\"id\": 12345678901234567890}'", result: "'[0.10, 1e400]'" });
  const exact = {
    payloadText: '{"id": 12345678901234567890}',
    resultText: expect.stringMatching(/^\[0\.10, 10+\]$/) as string,
  };
  expect(await store.get(id)).toMatchObject(exact);
  expect(await store.list()).toMatchObject([exact]);
  const bare = await queue.insert();
  expect(await store.get(bare)).toMatchObject({ payloadText: "{}", result: null, resultText: null });
});

test("a state that the application has added to the enum is told as it is", async () => {
  await queue.rows("ALTER TYPE job_status ADD VALUE IF NOT EXISTS 'PARKED'");
  const id = await queue.insert({ status: "'PARKED'" });
  expect(await store.get(id)).toMatchObject({ status: "PARKED" });
  expect(await store.cancel(id)).toEqual({ cancelled: false, status: "PARKED" });
  expect(await store.retry(id)).toEqual({ retried: false, status: "PARKED" });
});

test.for(["[1, 2]", '"text"', "5", "null", "true"])(
  "without a schema, a payload that SQL inserted as %s is FAILED before the handler, which is typed to get an object",
  async (payload) => {
    const id = await queue.insert({ payload: `'${payload}'` });
    const ran: unknown[] = [];
    const handlers = { a: (ctx: { readonly payload: unknown }): void => void ran.push(ctx.payload) };
    const report = await drainOnce({ store, handlers, budgetMs: 10_000 });
    expect([report.failed, ran]).toEqual([1, []]);
    expect((await store.get(id))?.lastError).toMatch(/^InvalidInputError: payload: expected a JSON object/);
  },
);
