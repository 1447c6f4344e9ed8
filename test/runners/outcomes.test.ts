import { expect, test } from "vitest";
import { z } from "zod";

import { defineJob, type JobContracts } from "../../src/core/contract.ts";
import type * as errors from "../../src/core/errors.ts";
import { NonRetriableError, RetryAfterError, SnoozeError } from "../../src/core/errors.ts";
import { backoffPolicy } from "../../src/core/delay-policies.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { DrainOptions } from "../../src/runners/drain/drain-options.ts";
import type { AnyHandler } from "../../src/runners/job/run-job.ts";
import { jobRow } from "../support/job-rows.ts";
import { pooledStore, type PooledStoreOptions } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

type Run = Partial<DrainOptions> & { readonly store?: never };

/** Runs one job of type `a` with that handler, in a drain of its own; answers its row. */
async function run(
  handler: AnyHandler,
  values: Readonly<Record<string, string>> = {},
  storeOptions: PooledStoreOptions<JobContracts> = {},
  options: Run = {},
): Promise<Record<string, unknown>> {
  const id = await queue.insert(values);
  const store = pooledStore(queue, storeOptions as PooledStoreOptions<never>);
  await drainOnce({ budgetMs: 10_000, ...options, store, handlers: { a: handler } as never });
  return await jobRow(queue, id);
}

const throws = (error: unknown) => (): never => {
  throw error;
};
/** Seconds until a job is due, by the database's clock. */
const dueInSeconds = async (id: unknown): Promise<number> => {
  const [row] = await queue.rows(
    "SELECT extract(epoch FROM run_after - now())::float8 AS s FROM jobs WHERE id = $1",
    [id],
  );
  return Number(row?.["s"]);
};

test.for([
  ["an object", { summaryId: 123, nested: [1, null, "ä"] }],
  ["null", null],
  ["a number", 0.5],
  ["a string", "text"],
  ["false", false],
  ["a list", [1, 2]],
] as const)("a handler that returns %s: the job is DONE with that result", async ([, value]) => {
  const row = await run(() => value);
  expect(row).toMatchObject({ status: "DONE", attempts: 1, last_error: null, locked_at: null });
  expect(row["result"]).toEqual(value);
  expect(row["finished_at"]).toBeInstanceOf(Date);
  expect(row["duration_ms"]).toBeGreaterThanOrEqual(0);
});

test("a handler that returns nothing: the result is SQL's NULL", async () => {
  const { id } = await run(() => undefined);
  expect(await queue.rows("SELECT result IS NULL AS absent FROM jobs WHERE id = $1", [id])).toEqual([
    { absent: true },
  ]);
});

const circular: Record<string, unknown> = {};
circular["self"] = circular;

test.for([
  ["too large", "x".repeat(1_048_577), /at most 1048576 bytes/],
  ["a BigInt", { n: 1n }, /result\.n: expected a JSON value \(a bigint as a string\)/],
  ["circular", circular, /no circle/],
  ["with a NUL", "a\u0000b", /without the NUL character/],
  ["with a lone surrogate", ["\ud800"], /result\[0\]: expected text without a lone surrogate/],
  ["not finite", Number.NaN, /a finite number/],
  ["a function", () => undefined, /a JSON value/],
] as const)("a result that is %s never fails the job: it is DONE and says so", async ([, value, note]) => {
  const row = await run(() => value);
  expect(row).toMatchObject({ status: "DONE", result: null, attempts: 1 });
  expect(row["last_error"]).toMatch(/^the result was not stored: InvalidInputError: /);
  expect(row["last_error"]).toMatch(note);
});

test("a result whose toJSON throws is DONE and says so", async () => {
  const row = await run(() => ({ toJSON: throws(new Error("no")) }));
  expect(row).toMatchObject({ status: "DONE", result: null });
  expect(row["last_error"]).toContain("the result was not stored: Error: no");
});

test("a result that its schema refuses is not stored, and the job is DONE", async () => {
  const jobs = { a: defineJob({ result: z.object({ n: z.number() }) }) };
  const row = await run(() => ({ n: "seven" }), {}, { jobs });
  expect(row).toMatchObject({ status: "DONE", result: null });
  expect(row["last_error"]).toMatch(/the result was not stored: InvalidInputError: result\.n: Invalid input/);
  expect(await run(() => ({ n: 7 }), {}, { jobs })).toMatchObject({ result: { n: 7 }, last_error: null });
});

test("a payload that its schema refuses is FAILED at once, its handler not called", async () => {
  let called = false;
  const jobs = { a: defineJob({ payload: z.object({ n: z.number() }) }) };
  const row = await run(
    () => {
      called = true;
    },
    { payload: `'{"n": "seven", "secret": "hunter2"}'` },
    { jobs },
  );
  expect(called).toBe(false);
  expect(row).toMatchObject({ status: "FAILED", attempts: 1, max_attempts: 5 });
  expect(row["last_error"]).toMatch(/^InvalidInputError: payload\.n: Invalid input/);
  expect(row["last_error"]).not.toContain("hunter2");
});

test("the handler gets what the schema made of the payload, also where it takes its time", async () => {
  const later = z.object({ at: z.string() }).transform(async ({ at }) => {
    await queue.rows("SELECT 1");
    return { at: new Date(at) };
  });
  const jobs = { a: defineJob({ payload: later }) };
  const row = await run(
    (ctx) => (ctx.payload as { at: Date }).at.getUTCFullYear(),
    { payload: `'{"at": "2031-05-01T00:00:00Z"}'` },
    { jobs },
  );
  expect(row).toMatchObject({ status: "DONE", result: 2031, payload: { at: "2031-05-01T00:00:00Z" } });
});

test("a validator that throws is a failed attempt like another", async () => {
  const jobs = { a: defineJob({ payload: z.object({}).refine(throws(new Error("the lookup is down"))) }) };
  const row = await run(() => undefined, {}, { jobs });
  expect(row).toMatchObject({ status: "READY", attempts: 1 });
  expect(row["last_error"]).toContain("the lookup is down");
});

test("an integer beyond 2^53 is FAILED naming its path, unless `parse` reads it", async () => {
  const payload = `'{"list": [{"id": 9007199254740993}]}'`;
  const row = await run(() => undefined, { payload });
  expect(row).toMatchObject({ status: "FAILED", attempts: 1 });
  expect(row["last_error"]).toContain("payload.list[0].id");
  const parse = (text: string): unknown => ({ text });
  expect(await run((ctx) => (ctx.payload as { text: string }).text, { payload }, { parse })).toMatchObject({
    status: "DONE",
    result: `{"list": [{"id": 9007199254740993}]}`,
  });
});

test("a failed attempt is READY again when the backoff says, step by step, and then FAILED", async () => {
  const backoff = backoffPolicy({ jitter: 0 });
  const id = await queue.insert({ max_attempts: "7" });
  const store = pooledStore(queue);
  const steps: number[] = [];
  for (let attempt = 1; attempt <= 7; attempt += 1) {
    await drainOnce({
      store,
      handlers: { a: throws(new Error(`attempt ${attempt}`)) },
      budgetMs: 10_000,
      backoff,
    });
    const row = await jobRow(queue, id);
    expect(row).toMatchObject({ attempts: attempt, status: attempt < 7 ? "READY" : "FAILED" });
    expect(row["last_error"]).toContain(`attempt ${attempt}`);
    if (attempt < 7) steps.push(Math.round((await dueInSeconds(id)) / 10) * 10);
    await queue.rows("UPDATE jobs SET run_after = now() WHERE id = $1", [id]);
  }
  expect(steps).toEqual([60, 300, 1_800, 7_200, 21_600, 21_600]);
  expect((await jobRow(queue, id))["finished_at"]).toBeInstanceOf(Date);
});

test("the default backoff varies by a tenth", async () => {
  const { id } = await run(throws(new Error("x")));
  const due = await dueInSeconds(id);
  expect(due).toBeGreaterThan(50);
  expect(due).toBeLessThanOrEqual(66);
});

const inTwoMinutes: readonly (readonly [string, () => number | Date])[] = [
  ["milliseconds", () => 120_000],
  ["a moment", () => new Date(Date.now() + 120_000)],
];

test.for(inTwoMinutes)("RetryAfterError with %s: a failed attempt, due then", async ([, when]) => {
  const row = await run(throws(new RetryAfterError(when(), "busy there")));
  expect(row).toMatchObject({ status: "READY", attempts: 1 });
  expect(row["last_error"]).toContain("RetryAfterError: busy there");
  const due = await dueInSeconds(row["id"]);
  expect(due).toBeGreaterThan(110);
  expect(due).toBeLessThanOrEqual(121);
});

test("RetryAfterError on the last attempt is FAILED", async () => {
  expect(await run(throws(new RetryAfterError(1)), { max_attempts: "1" })).toMatchObject({
    status: "FAILED",
  });
});

test("NonRetriableError: FAILED now, whatever attempts are left", async () => {
  const row = await run(throws(new NonRetriableError("gone for good", { cause: new Error("410") })));
  expect(row).toMatchObject({ status: "FAILED", attempts: 1, max_attempts: 5 });
  expect(row["last_error"]).toMatch(/NonRetriableError: gone for good[^]*caused by Error: 410/);
});

test.for(inTwoMinutes)("SnoozeError with %s: due then, the attempt given back", async ([, when]) => {
  const row = await run(throws(new SnoozeError(when())), { attempts: "2" });
  expect(row).toMatchObject({ status: "READY", attempts: 2, released: 0, last_error: null });
  expect(await dueInSeconds(row["id"])).toBeGreaterThan(110);
});

test("errors of another copy of pqrun are understood all the same", async () => {
  const specifier = "../../src/core/errors.ts?copy=2";
  const copy = (await import(/* @vite-ignore */ specifier)) as typeof errors;
  expect(copy.SnoozeError).not.toBe(SnoozeError);
  expect(await run(throws(new copy.SnoozeError(60_000)))).toMatchObject({ status: "READY", attempts: 0 });
  expect(await run(throws(new copy.NonRetriableError("no")))).toMatchObject({ status: "FAILED" });
  const retried = await run(throws(new copy.RetryAfterError(120_000)));
  expect(retried).toMatchObject({ status: "READY", attempts: 1 });
  expect(await dueInSeconds(retried["id"])).toBeGreaterThan(110);
});

test.for([
  ["a string", "plain", "thrown: plain"],
  ["undefined", undefined, "thrown: undefined"],
  ["an object", { code: 7 }, "thrown: [object Object]"],
  ["an error with a NUL", new Error("a\u0000b"), "Error: a\uFFFDb"],
  ["a connection string", new Error("to postgres://me:hunter2@db/x failed"), "postgres://***@db/x"],
] as const)("a handler that throws %s is a failed attempt", async ([, thrown, told]) => {
  const row = await run(throws(thrown));
  expect(row).toMatchObject({ status: "READY", attempts: 1 });
  expect(row["last_error"]).toContain(told);
  expect(row["last_error"]).not.toContain("hunter2");
});

test("`redact` takes an application's own secrets out of the error", async () => {
  const row = await run(
    throws(new Error("token sk-123 refused")),
    {},
    {},
    {
      redact: (text) => text.replaceAll(/sk-\d+/g, "sk-…"),
    },
  );
  expect(row["last_error"]).toContain("token sk-… refused");
});

test("the context holds the row, the payload, the store and a logger", async () => {
  const row = await run(
    async (ctx) => {
      await ctx.store.enqueue("next", { of: ctx.job.id });
      ctx.logger.info("it runs");
      const { id, type, attempts, maxAttempts, priority, dedupeKey, timeoutSeconds } = ctx.job;
      return { id, type, attempts, maxAttempts, priority, dedupeKey, timeoutSeconds, payload: ctx.payload };
    },
    { payload: `'{"n": 1}'`, priority: "7", dedupe_key: "'k'", timeout_seconds: "9", max_attempts: "3" },
  );
  expect(row["result"]).toEqual({
    id: row["id"],
    type: "a",
    attempts: 1,
    maxAttempts: 3,
    priority: 7,
    dedupeKey: "k",
    timeoutSeconds: 9,
    payload: { n: 1 },
  });
  expect(await queue.rows("SELECT payload FROM jobs WHERE job_type = 'next'")).toEqual([
    { payload: { of: row["id"] } },
  ]);
});
