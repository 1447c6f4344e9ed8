import { expect, test } from "vitest";

import { readTurn } from "../../src/core/turn/turn-answer.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Gate, takes } from "../support/handlers.ts";
import { EventLog } from "../support/event-log.ts";
import { insertJobs, jobRow, jobsByStatus } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { Wire, turnParts } from "../support/wire.ts";

const queue = await testQueue();
const nothing = (): void => undefined;

test("1,000 jobs with a batch of 100 and 100 slots are at most 12 statements", async () => {
  await insertJobs(queue, 1_000);
  const wire = new Wire();
  const store = pooledStore(queue, { wire });
  const report = await drainOnce({
    store,
    handlers: { a: nothing },
    budgetMs: 20_000,
    batchSize: 100,
    concurrency: 100,
  });
  expect(wire.sent.length).toBeLessThanOrEqual(12);
  expect(report).toMatchObject({
    done: 1_000,
    stoppedBy: "empty",
    more: false,
    statements: wire.sent.length,
  });
  expect(await jobsByStatus(queue)).toEqual({ DONE: 1_000 });
});

test("an empty table is one statement", async () => {
  const wire = new Wire();
  const report = await drainOnce({
    store: pooledStore(queue, { wire }),
    handlers: { a: nothing },
    budgetMs: 20_000,
  });
  expect(wire.sent).toHaveLength(1);
  expect(report).toMatchObject({ statements: 1, stoppedBy: "empty", more: false, nextDueInMs: null });
});

test("an empty table is told as that, even where no statement is left", async () => {
  const options = { store: pooledStore(queue), handlers: { a: nothing }, budgetMs: 20_000 };
  expect(await drainOnce({ ...options, maxStatements: 2 })).toMatchObject({
    stoppedBy: "empty",
    statements: 1,
  });
  await insertJobs(queue, 1);
  expect(await drainOnce({ ...options, maxJobs: 1 })).toMatchObject({ done: 1, more: false });
});

test("jobs of types without a handler stay READY and are not counted as more", async () => {
  const id = await queue.insert({ job_type: "'stranger'" });
  const report = await drainOnce({ store: pooledStore(queue), handlers: { a: nothing }, budgetMs: 20_000 });
  expect(report).toMatchObject({ done: 0, failed: 0, more: false });
  expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 0 });
});

test("of the handlers a drain uses those of its types: jobs of the others stay READY", async () => {
  const [mine, other] = [await queue.insert(), await queue.insert({ job_type: "'b'" })];
  const handlers = { a: nothing, b: nothing };
  const store = pooledStore(queue);
  const report = await drainOnce({ store, types: ["a", "a"], handlers, budgetMs: 20_000 });
  expect(report).toMatchObject({ done: 1, more: false });
  expect(await jobRow(queue, mine)).toMatchObject({ status: "DONE" });
  expect(await jobRow(queue, other)).toMatchObject({ status: "READY", attempts: 0 });
});

test("a job that a handler enqueues runs in the same drain", async () => {
  await queue.insert({ job_type: "'first'" });
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: {
      first: async (ctx) => {
        await ctx.store.enqueue("second", { from: ctx.job.id });
      },
      second: nothing,
    },
    budgetMs: 20_000,
  });
  expect(report).toMatchObject({ done: 2, stoppedBy: "empty", more: false });
});

test("a job that a handler enqueues while a turn is under way runs in the same drain", async () => {
  await insertJobs(queue, 2);
  const [secondTurn, chained] = [new Gate(), new Gate()];
  const wire = new Wire();
  wire.step = async (statement, send) => {
    const rows = await send();
    if (statement.kind === "turn" && wire.turns().length === 2) {
      secondTurn.open();
      await chained.opened;
    }
    return rows;
  };
  const report = await drainOnce({
    store: pooledStore(queue, { wire }),
    handlers: {
      a: async ({ payload }) => {
        if (payload["n"] === 1) return;
        await secondTurn.opened;
        await queue.insert({ job_type: "'chained'" });
        setImmediate(() => {
          chained.open();
        });
      },
      chained: nothing,
    },
    budgetMs: 5_000,
    concurrency: 2,
  });
  expect(report).toMatchObject({ done: 3, stoppedBy: "empty", more: false });
});

test("two drains at once run no job twice, and leave none", async () => {
  await insertJobs(queue, 300);
  const runs: string[] = [];
  const drain = () =>
    drainOnce({
      store: pooledStore(queue),
      handlers: {
        a: ({ job }) => {
          runs.push(job.id);
        },
      },
      budgetMs: 20_000,
    });
  const reports = await Promise.all([drain(), drain()]);
  expect(runs).toHaveLength(300);
  expect(new Set(runs).size).toBe(300);
  expect(reports.reduce((sum, { done }) => sum + done, 0)).toBe(300);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 300 });
});

test("no more handlers run at once than there are slots", async () => {
  await insertJobs(queue, 40);
  let running = 0;
  let most = 0;
  await drainOnce({
    store: pooledStore(queue),
    handlers: {
      a: async (ctx) => {
        running += 1;
        most = Math.max(most, running);
        await takes(Number(ctx.payload["n"]) % 5)(ctx);
        running -= 1;
      },
    },
    budgetMs: 20_000,
    concurrency: 4,
    batchSize: 16,
  });
  expect(most).toBe(4);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 40 });
});

test("a batch beyond the free slots takes only jobs that were never attempted", async () => {
  await queue.rows("INSERT INTO jobs (job_type, attempts) SELECT 'a', 1 FROM generate_series(1, 3)");
  await queue.rows(
    "INSERT INTO jobs (job_type, run_after) SELECT 'a', now() - n FROM (SELECT interval '1 h' n) x",
  );
  await queue.rows("INSERT INTO jobs (job_type, run_after) SELECT 'a', now() FROM generate_series(1, 5)");
  const wire = new Wire();
  await drainOnce({
    store: pooledStore(queue, { wire }),
    handlers: { a: nothing },
    budgetMs: 20_000,
    concurrency: 2,
    batchSize: 9,
  });
  const [first] = wire.turns();
  expect(first && turnParts(first)).toMatchObject({ slots: 2, buffer: 7 });
  const { jobs } = readTurn(first?.rows ?? [], {});
  // By due time: one never attempted, one attempted before in the second slot; of the rest only the new ones.
  expect(jobs.map(({ attempts }) => attempts)).toEqual([1, 2, 1, 1, 1, 1, 1]);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 9 });
});

test("maxJobs picks up no more, and tells that more are due", async () => {
  await insertJobs(queue, 25);
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: { a: nothing },
    budgetMs: 20_000,
    maxJobs: 13,
  });
  expect(report).toMatchObject({ done: 13, stoppedBy: "maxJobs", more: true, nextDueInMs: null });
  expect(await jobsByStatus(queue)).toEqual({ DONE: 13, READY: 12 });
});

test.for([2, 3, 5])("maxStatements of %i is kept, and what ran is settled", async (maxStatements) => {
  await insertJobs(queue, 100);
  const wire = new Wire();
  const report = await drainOnce({
    store: pooledStore(queue, { wire }),
    handlers: { a: nothing },
    budgetMs: 20_000,
    maxStatements,
    prune: { olderThanSeconds: 0 },
  });
  expect(wire.sent.length).toBeLessThanOrEqual(maxStatements);
  expect(report).toMatchObject({ stoppedBy: "maxStatements", more: true, unsettled: 0 });
  expect(await jobsByStatus(queue)).toEqual({
    DONE: 10 * (maxStatements - 1),
    READY: 100 - 10 * (maxStatements - 1),
  });
});

test("a job that has ended is settled while others run on, though no more may be picked up", async () => {
  await insertJobs(queue, 2);
  const gate = new Gate();
  const log = new EventLog();
  const drain = drainOnce({
    store: pooledStore(queue),
    handlers: { a: ({ payload }) => (payload["n"] === 1 ? undefined : gate.opened) },
    budgetMs: 20_000,
    maxJobs: 2,
    onEvent: log.onEvent,
  });
  await log.until("done");
  expect(await jobsByStatus(queue)).toEqual({ DONE: 1, RUNNING: 1 });
  gate.open();
  expect(await drain).toMatchObject({ done: 2 });
});

test("a job that has ended is settled while buffered ones wait", async () => {
  await insertJobs(queue, 4);
  const gate = new Gate();
  const log = new EventLog();
  const drain = drainOnce({
    store: pooledStore(queue),
    handlers: { a: ({ payload }) => (payload["n"] === 1 ? undefined : gate.opened) },
    budgetMs: 20_000,
    concurrency: 1,
    batchSize: 4,
    onEvent: log.onEvent,
  });
  await log.until("done");
  gate.open();
  expect(await drain).toMatchObject({ done: 4 });
});

test("the report tells when the next job is due", async () => {
  await queue.insert({ run_after: "now() + interval '1 hour'" });
  const report = await drainOnce({ store: pooledStore(queue), handlers: { a: nothing }, budgetMs: 20_000 });
  expect(report).toMatchObject({ more: false, stoppedBy: "empty" });
  expect(report.nextDueInMs).toBeGreaterThan(3_590_000);
  expect(report.nextDueInMs).toBeLessThanOrEqual(3_600_000);
});

test("the report counts each outcome, and each is an event", async () => {
  const { NonRetriableError, SnoozeError } = await import("../../src/core/errors.ts");
  for (const type of ["done", "retried", "failed", "snoozed"]) await queue.insert({ job_type: `'${type}'` });
  await queue.insert({
    job_type: "'done'",
    status: "'RUNNING'",
    locked_at: "now() - interval '1 h'",
    locked_by: "'dead'",
    lease_holder: "'dead'",
    lease_expires_at: "now() - interval '1 min'",
    attempts: "1",
  });
  await queue.insert({ attempts: "5", max_attempts: "5", job_type: "'done'" });
  const log = new EventLog();
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: {
      done: nothing,
      retried: () => {
        throw new Error("again");
      },
      failed: () => {
        throw new NonRetriableError("never");
      },
      snoozed: () => {
        throw new SnoozeError(60_000);
      },
    },
    budgetMs: 20_000,
    onEvent: log.onEvent,
  });
  expect(report).toMatchObject({
    done: 2,
    retried: 1,
    failed: 2,
    snoozed: 1,
    released: 0,
    lost: 0,
    cancelled: 0,
    reaped: 1,
    unsettled: 0,
  });
  expect(log.names().toSorted()).toEqual(
    [
      ...Array<string>(5).fill("started"),
      "done",
      "done",
      "failed",
      "failed",
      "reaped",
      "retried",
      "snoozed",
    ].toSorted(),
  );
});

test("what a fresh drain reaps it runs; with the reaper off it reaps nothing", async () => {
  const lost = {
    status: "'RUNNING'",
    locked_at: "now() - interval '1 h'",
    locked_by: "'dead'",
    lease_holder: "'dead'",
    lease_expires_at: "now() - interval '1 min'",
    attempts: "1",
  };
  const id = await queue.insert(lost);
  const options = { store: pooledStore(queue), handlers: { a: nothing }, budgetMs: 20_000 };
  expect(await drainOnce({ ...options, reaper: false })).toMatchObject({ reaped: 0, done: 0 });
  expect(await drainOnce(options)).toMatchObject({ reaped: 1, done: 1 });
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 2 });
});

/** What a drain of as many slots leaves when it is killed. */
const insertLost = (count: number, maxAttempts: number): Promise<unknown> =>
  queue.rows(
    `INSERT INTO jobs (job_type, status, attempts, max_attempts, locked_at, locked_by, lease_holder, lease_expires_at)
     SELECT 'a', 'RUNNING', 1, $2::int, now(), 'dead', 'dead', now() - interval '1 s' FROM generate_series(1, $1::int)`,
    [count, maxAttempts],
  );

test.each([
  ["attempts left", 5, { reaped: 250, done: 250 }],
  ["no attempt left", 1, { reaped: 250, done: 0 }],
])("a drain reaps on while a reap was full, whatever it makes due: %s", async (_, maxAttempts, expected) => {
  await insertLost(250, maxAttempts);
  const wire = new Wire();
  const options = { store: pooledStore(queue, { wire }), handlers: { a: nothing }, budgetMs: 20_000 };
  const report = await drainOnce({ ...options, concurrency: 100 });
  expect(report).toMatchObject({ ...expected, stoppedBy: "empty", more: false });
  expect(wire.turns().map((turn) => turnParts(turn).reaps)).toEqual(
    wire.turns().map((_turn, index) => index < 3),
  );
});

test("a drain whose statements are used up reaps no further, and says that there is more", async () => {
  await insertLost(250, 1);
  const drain = { store: pooledStore(queue), handlers: { a: nothing }, budgetMs: 20_000, maxStatements: 3 };
  expect(await drainOnce(drain)).toMatchObject({
    reaped: 200,
    statements: 2,
    stoppedBy: "maxStatements",
    more: true,
  });
  expect(await drainOnce(drain)).toMatchObject({
    reaped: 50,
    statements: 1,
    stoppedBy: "empty",
    more: false,
  });
});

test("prune deletes old finished jobs at the end, and says how many", async () => {
  await queue.insert({ status: "'DONE'", finished_at: "now() - interval '8 days'" });
  await queue.insert();
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: { a: nothing },
    budgetMs: 20_000,
    prune: { olderThanSeconds: 7 * 86_400 },
  });
  expect(report).toMatchObject({ pruned: 1, done: 1, statements: 3 });
  expect(await jobsByStatus(queue)).toEqual({ DONE: 1 });
});

test.for([
  ["budgetMs", { budgetMs: 99 }],
  ["budgetMs", { budgetMs: Number.NaN }],
  ["budgetMs", { budgetMs: () => 5 }],
  ["batchSize", { batchSize: 0 }],
  ["batchSize", { batchSize: 1.5 }],
  ["concurrency", { concurrency: 0 }],
  ["concurrency", { concurrency: 1_001 }],
  ["maxJobs", { maxJobs: 0 }],
  ["maxStatements", { maxStatements: 1 }],
  ["reserveMs", { reserveMs: 15_000 }],
  ["reserveMs", { reserveMs: -1 }],
  ["defaultTimeoutSeconds", { defaultTimeoutSeconds: 0 }],
  ["workerId", { workerId: "" }],
  ["workerId", { workerId: "a\nb" }],
] as const)("a wrong %s is refused before anything is sent", async ([field, wrong]) => {
  const wire = new Wire();
  const store = pooledStore(queue, { wire });
  await expect(
    drainOnce({ store, handlers: { a: nothing }, budgetMs: 20_000, ...wrong }),
  ).rejects.toMatchObject({ name: "InvalidInputError", field });
  expect(wire.sent).toEqual([]);
});

test("a handler that is no function, or for no contract, is refused", async () => {
  const handlers = { a: "run" } as never;
  await expect(drainOnce({ store: pooledStore(queue), handlers, budgetMs: 1_000 })).rejects.toMatchObject({
    field: "handlers.a",
  });
  const store = pooledStore(queue, { jobs: { b: {} } });
  await expect(
    drainOnce({ store, handlers: { a: nothing } as never, budgetMs: 1_000 }),
  ).rejects.toMatchObject({ field: "handlers.a" });
});
