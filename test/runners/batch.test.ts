import { expect, test } from "vitest";

import type { PgTransaction } from "../../src/adapters/pg/pg.ts";
import { defineJob } from "../../src/core/contract.ts";
import type { UntypedJobs } from "../../src/core/contract.ts";
import { NonRetriableError } from "../../src/core/errors.ts";
import { instrument } from "../../src/integrations/otel.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { DrainOptions, DrainReport } from "../../src/runners/drain/drain-options.ts";
import { batch } from "../../src/runners/job/batch.ts";
import type { BatchHandler } from "../../src/runners/job/batch.ts";
import type { Handler } from "../../src/runners/job/handler.ts";
import { runJob } from "../../src/testing/run-job.ts";
import { insertJobs, jobRow, jobsByStatus } from "../support/job-rows.ts";
import { recordingOtel } from "../support/otel.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { Wire } from "../support/wire.ts";

const queue = await testQueue();
type AnyBatch = BatchHandler<UntypedJobs, string, PgTransaction>;
type AnyHandler = Handler<UntypedJobs, string, PgTransaction>;
type Options = Partial<DrainOptions<UntypedJobs, PgTransaction>>;

const drain = (a: AnyHandler, options: Options = {}): Promise<DrainReport> =>
  drainOnce({ store: pooledStore(queue), handlers: { a }, budgetMs: 60_000, ...options });
const drainBatches = (size: number, handler: AnyBatch, options: Options = {}): Promise<DrainReport> =>
  drain(batch({ size }, handler), options);
const numbersOf = (jobs: Parameters<AnyBatch>[0]): unknown[] => jobs.map(({ payload }) => payload["n"]);
const errorsOf = async (): Promise<unknown> =>
  (await queue.rows("SELECT status, last_error FROM jobs ORDER BY id")).map((row) => [
    row["status"],
    row["last_error"],
  ]);

test("a batch handler has the jobs in order, and each job its result", async () => {
  await insertJobs(queue, 7);
  const seen: unknown[][] = [];
  const report = await drainBatches(3, (jobs) => {
    seen.push(numbersOf(jobs));
    return jobs.map(({ payload }) => ({ doubled: 2 * Number(payload["n"]) }));
  });
  expect(report).toMatchObject({ done: 7, stoppedBy: "empty" });
  expect(seen).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
  const rows = await queue.rows("SELECT result FROM jobs ORDER BY id");
  expect(rows.map(({ result }) => result)).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => ({ doubled: 2 * n })));
});

test("one that returns nothing makes its jobs DONE without results", async () => {
  await insertJobs(queue, 3);
  await drainBatches(10, () => undefined);
  expect(await queue.rows("SELECT DISTINCT status, result FROM jobs")).toEqual([
    { status: "DONE", result: null },
  ]);
});

test("a batch is filled beyond what a drain picks up at a time, and statements and maxJobs are kept", async () => {
  await insertJobs(queue, 250);
  const sizes: number[] = [];
  const note: AnyBatch = (jobs) => {
    sizes.push(jobs.length);
  };
  const report = await drainBatches(100, note, { concurrency: 1 });
  expect(report).toMatchObject({ done: 250, stoppedBy: "empty" });
  expect(sizes).toEqual([100, 100, 50]);
  // Two a batch, of which one fills it, and the last settlement.
  expect(report.statements).toBeLessThanOrEqual(8);
  await insertJobs(queue, 250);
  expect(await drainBatches(100, note, { concurrency: 1, maxJobs: 130 })).toMatchObject({ done: 130 });
  expect(await drainBatches(100, note, { concurrency: 1, maxStatements: 3 })).toMatchObject({
    statements: 3,
    stoppedBy: "maxStatements",
    more: true,
  });
});

test("other types keep their order and their slots beside batches", async () => {
  await insertJobs(queue, 30, "a");
  await insertJobs(queue, 30, "b");
  await insertJobs(queue, 30, "a");
  const sizes: number[] = [];
  let running = 0;
  let most = 0;
  const inSlot = async (): Promise<void> => {
    most = Math.max(most, (running += 1));
    await new Promise((resolve) => setTimeout(resolve, 1));
    running -= 1;
  };
  const report = await drainOnce({
    store: pooledStore(queue),
    budgetMs: 60_000,
    concurrency: 2,
    handlers: {
      a: batch<UntypedJobs, string, PgTransaction>({ size: 20 }, async (jobs) => {
        sizes.push(jobs.length);
        await inSlot();
      }),
      b: inSlot,
    },
  });
  expect(report).toMatchObject({ done: 90, stoppedBy: "empty", more: false });
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(60);
  expect(Math.max(...sizes)).toBe(20);
  expect(most).toBe(2);
});

test.for([
  ["too few", () => [1], "an array of 1"],
  ["too many", () => [1, 2, 3, 4], "an array of 4"],
  ["no list", () => ({ length: 3 }), "an object"],
] as const)("a wrong count of results fails all jobs of the batch by name: %s", async ([, results, came]) => {
  await insertJobs(queue, 3);
  expect(await drainBatches(10, results as unknown as AnyBatch)).toMatchObject({ retried: 3, done: 0 });
  const expected =
    "InvalidInputError: results: expected one for each of the 3 jobs of the batch, in their order";
  expect(await errorsOf()).toEqual(
    Array.from({ length: 3 }, (): unknown[] => [
      "READY",
      expect.stringMatching(new RegExp(`^${expected}.*${came}`, "s")),
    ]),
  );
});

test("single outcomes are settled at once; a throw fails all jobs that have none", async () => {
  await insertJobs(queue, 4);
  const settled: unknown[] = [];
  const report = await drainBatches(4, async ([first, second, third], ctx) => {
    if (first === undefined || second === undefined || third === undefined) throw new Error("four");
    const { fail, snooze } = ctx;
    fail(first, new NonRetriableError("broken"));
    snooze(second, 3_600_000);
    fail(third, new Error("later"));
    // The first outcome stands.
    snooze(first, 0);
    settled.push(...(await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE status = 'RUNNING'")));
    throw new Error("all the rest");
  });
  expect(report).toMatchObject({ failed: 1, snoozed: 1, retried: 2, done: 0 });
  expect(await errorsOf()).toEqual([
    ["FAILED", expect.stringMatching(/broken/)],
    ["READY", null],
    ["READY", expect.stringMatching(/later/)],
    ["READY", expect.stringMatching(/all the rest/)],
  ]);
});

test("results of jobs that have an outcome already are left aside, and a stranger's job is refused", async () => {
  await insertJobs(queue, 3);
  const errors: unknown[] = [];
  await drainBatches(3, (jobs, ctx) => {
    if (jobs[1] !== undefined) ctx.fail(jobs[1], new Error("this one"));
    try {
      ctx.fail({} as never, new Error("none"));
    } catch (error) {
      errors.push(error);
    }
    return jobs.map(({ payload }) => payload["n"]);
  });
  expect(errors).toMatchObject([{ name: "InvalidInputError", field: "job" }]);
  const rows = await queue.rows("SELECT status, result FROM jobs ORDER BY id");
  expect(rows).toEqual([
    { status: "DONE", result: 1 },
    { status: "READY", result: null },
    { status: "DONE", result: 3 },
  ]);
});

test("a payload that its schema refuses fails its job alone: the others are a batch without it", async () => {
  const payload = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: async (value: unknown) => {
        await Promise.resolve();
        const { n } = value as { n: number };
        return n === 2 ? { issues: [{ message: "not two" }] } : { value: { n } };
      },
    },
  } as const;
  const jobs = { a: defineJob({ payload, maxAttempts: 5 }) };
  await insertJobs(queue, 3);
  const seen: number[][] = [];
  const report = await drainOnce({
    store: pooledStore(queue, { jobs }),
    budgetMs: 60_000,
    handlers: {
      a: batch({ size: 3 }, (members) => {
        seen.push(members.map(({ payload: { n } }) => n));
      }),
    },
  });
  expect(report).toMatchObject({ done: 2, failed: 1 });
  expect(seen).toEqual([[1, 3]]);
});

test("a job that a batch settles in its own transaction is DONE by that, whatever becomes of the others", async () => {
  await insertJobs(queue, 2);
  const report = await drainBatches(2, async ([first]) => {
    const { client } = await queue.session();
    if (first === undefined) throw new Error("two");
    await client.query("BEGIN");
    await first.settleIn(client, { settled: "inside" });
    await client.query("COMMIT");
    throw new Error("afterwards");
  });
  expect(report).toMatchObject({ done: 1, retried: 1 });
  expect(await queue.rows("SELECT status, result FROM jobs ORDER BY id")).toEqual([
    { status: "DONE", result: { settled: "inside" } },
    { status: "READY", result: null },
  ]);
});

test("the timeout of a batch is the least of its jobs', and each job without an outcome has it", async () => {
  await queue.insert({ timeout_seconds: "600" });
  const short = await queue.insert({ timeout_seconds: "1" });
  const early = await queue.insert();
  const reasons: unknown[] = [];
  const report = await drainBatches(3, async (jobs, ctx) => {
    const [, , third] = jobs;
    if (third !== undefined) ctx.fail(third, new NonRetriableError("early"));
    await new Promise((resolve) => {
      ctx.signal.addEventListener("abort", resolve);
    });
    reasons.push((ctx.signal.reason as { reason: unknown }).reason);
    ctx.signal.throwIfAborted();
  });
  expect(reasons).toEqual(["timeout"]);
  expect(report).toMatchObject({ retried: 2, failed: 1 });
  expect((await jobRow(queue, short))["last_error"]).toMatch(/^Error: timed out after 1 s$/m);
  expect(await errorsOf()).toEqual([
    ["READY", expect.stringMatching(/timed out after 1 s/)],
    ["READY", expect.not.stringMatching(/told to end/)],
    ["FAILED", expect.stringMatching(/early/)],
  ]);
  expect(await jobRow(queue, early)).toMatchObject({ status: "FAILED" });
});

test("a batch that ignores the end of a drain's budget is not waited for, and costs one attempt each", async () => {
  await insertJobs(queue, 5);
  let signalled = 0;
  const report = await drainBatches(
    5,
    (_, { signal }) =>
      new Promise<void>(() => {
        signal.addEventListener("abort", () => {
          signalled += 1;
        });
      }),
    { budgetMs: 1_500, reserveMs: 500 },
  );
  expect(report).toMatchObject({ retried: 5, stoppedBy: "budget" });
  expect(signalled).toBe(1);
  expect(await errorsOf()).toEqual(
    Array.from({ length: 5 }, (): unknown[] => [
      "READY",
      expect.stringMatching(/the drain's budget was spent/),
    ]),
  );
});

test("suspects come as batches of one, and nothing runs beside them", async () => {
  await insertJobs(queue, 4);
  const lost = { attempts: "2", last_error: "'lease lost: w neither settled nor extended it'" };
  const suspects = [await queue.insert(lost), await queue.insert(lost)];
  await insertJobs(queue, 4);
  const batches: string[][] = [];
  let running = 0;
  const beside: number[] = [];
  await drainBatches(
    10,
    async (jobs) => {
      batches.push(jobs.map(({ job }) => job.id));
      running += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (jobs.some(({ job }) => suspects.includes(job.id))) beside.push(running - 1);
      running -= 1;
    },
    { concurrency: 4, batchSize: 20 },
  );
  expect(await jobsByStatus(queue)).toEqual({ DONE: 10 });
  for (const id of suspects) expect(batches).toContainEqual([id]);
  expect(beside).toEqual([0, 0]);
});

test("a fill that fails ends its drain as any statement does: the batch runs with what it has", async () => {
  await insertJobs(queue, 20);
  const sizes: number[] = [];
  const handler = batch<UntypedJobs, string, PgTransaction>({ size: 10 }, (jobs) => {
    sizes.push(jobs.length);
  });
  const wire = new Wire();
  // The second turn is the first batch's.
  wire.step = (_, send) => (wire.turns().length === 2 ? Promise.reject(new Error("refused")) : send());
  const store = pooledStore(queue, { wire });
  const report = await drainOnce({ store, handlers: { a: handler }, concurrency: 1, budgetMs: 60_000 });
  expect(report).toMatchObject({ done: 1, stoppedBy: "error" });
  expect(sizes).toEqual([1]);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 1, READY: 19 });
});

test("traced handlers are batches still, each job a span", async () => {
  await insertJobs(queue, 4);
  const { api, spans } = recordingOtel();
  const a = batch<UntypedJobs, string, PgTransaction>({ size: 10 }, (jobs) => jobs.map(() => jobs.length));
  await drain(instrument(api).handlers({ a }).a);
  expect(await queue.rows("SELECT DISTINCT result FROM jobs")).toEqual([{ result: 4 }]);
  expect(spans.map(({ name }) => name)).toEqual(Array.from({ length: 4 }, () => "process a"));
});

test("a handler that is called without slots, as a unit test does, has a batch of one", async () => {
  const handler = batch<UntypedJobs, string>({ size: 10 }, (jobs) => jobs.map(({ payload }) => payload["n"]));
  expect(await runJob(handler, { payload: { n: 3 } })).toMatchObject({ result: 3 });
});

test.for([0, 1.5, 1_001, Number.NaN])("a size of %s is refused by name", (size) => {
  expect(() => batch({ size }, () => undefined)).toThrow(/^size: expected/);
});
