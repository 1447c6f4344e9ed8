import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { DrainOptions, DrainReport } from "../../src/runners/drain/drain-options.ts";
import { EventLog } from "../support/event-log.ts";
import { abortReason, heedsItsSignal, ignoresItsSignal, takes } from "../support/handlers.ts";
import { insertJobs, jobRow, jobsByStatus } from "../support/job-rows.ts";
import { timed as timedOf } from "../support/machine-time.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { Wire, turnParts } from "../support/wire.ts";

const queue = await testQueue();
const nothing = (): void => undefined;
/** How late a drain may return. */
const LEEWAY_MS = 250;

/** A drain, and how long it really took of the time that the machine gave. */
async function timed(options: Omit<DrainOptions, "store"> & Partial<Pick<DrainOptions, "store">>) {
  const store = options.store ?? pooledStore(queue);
  await store.stats(); // Opens a connection, which is not the drain's to pay for.
  const { answer, tookMs } = await timedOf(queue, () => drainOnce({ store, ...options }));
  return { ...answer, tookMs };
}

test("handlers of any length: it returns in its budget, and no row of its own is left RUNNING", async () => {
  await insertJobs(queue, 400);
  const report = await timed({
    handlers: { a: (ctx) => takes(Math.random() * 200)(ctx) },
    budgetMs: 1_500,
    concurrency: 20,
    batchSize: 40,
  });
  expect(report.tookMs).toBeLessThan(1_500 + LEEWAY_MS);
  const { RUNNING = 0, DONE = 0, READY = 0 } = await jobsByStatus(queue);
  expect(RUNNING).toBe(0);
  expect(DONE).toBe(report.done);
  expect(DONE + READY).toBe(400);
  expect(DONE).toBeGreaterThan(0);
  expect(report).toMatchObject({ stoppedBy: "budget", unsettled: 0, more: true });
  // What did not start has spent no attempt; what was cut short has.
  const spent = await queue.rows(
    "SELECT count(*)::int AS n FROM jobs WHERE status = 'READY' AND (attempts > 0) <> (last_error IS NOT NULL)",
  );
  expect(spent).toEqual([{ n: 0 }]);
});

test("a handler that ignores its signal does not keep it, and its attempt says that it was cut short", async () => {
  const id = await queue.insert();
  const report = await timed({ handlers: { a: ignoresItsSignal }, budgetMs: 4_000 });
  expect(report.tookMs).toBeLessThan(4_000 + LEEWAY_MS);
  expect(report).toMatchObject({ retried: 1, stoppedBy: "budget", unsettled: 0 });
  const row = await jobRow(queue, id);
  expect(row).toMatchObject({ status: "READY", attempts: 1, locked_at: null, lease_expires_at: null });
  expect(row["last_error"]).toContain("cut short: the drain's budget was spent");
});

test("a handler that heeds its signal is a failed attempt that says so, its own error the cause", async () => {
  const id = await queue.insert();
  const reasons: unknown[] = [];
  const report = await timed({
    handlers: {
      a: (ctx) => {
        ctx.signal.addEventListener("abort", () => reasons.push(abortReason(ctx.signal)));
        return heedsItsSignal(ctx);
      },
    },
    // A second of it is kept for the last settlement, which a busy machine may need.
    budgetMs: 4_000,
  });
  expect(report).toMatchObject({ retried: 1, stoppedBy: "budget" });
  expect(reasons).toEqual(["deadline"]);
  const { last_error: error, attempts } = await jobRow(queue, id);
  expect(attempts).toBe(1);
  expect(error).toMatch(/cut short: the drain's budget was spent[^]*caused by Error: told to end: deadline/);
});

test("jobs that did not start are given back, their attempts with them", async () => {
  await insertJobs(queue, 5);
  const report = await timed({
    handlers: { a: heedsItsSignal },
    budgetMs: 500,
    concurrency: 1,
    batchSize: 5,
  });
  expect(report).toMatchObject({ retried: 1, released: 4, more: true, stoppedBy: "budget" });
  expect(
    await queue.rows(
      "SELECT status, attempts, released, count(*)::int AS n FROM jobs GROUP BY 1, 2, 3 ORDER BY 3",
    ),
  ).toEqual([
    { status: "READY", attempts: 1, released: 0, n: 1 },
    { status: "READY", attempts: 0, released: 1, n: 4 },
  ]);
});

test("a shutdown gives back the attempts of handlers that end", async () => {
  await insertJobs(queue, 3);
  const log = new EventLog();
  const shutdown = new AbortController();
  const reasons: unknown[] = [];
  const drain = timed({
    handlers: {
      a: (ctx) => {
        ctx.signal.addEventListener("abort", () => reasons.push(abortReason(ctx.signal)));
        return heedsItsSignal(ctx);
      },
    },
    budgetMs: 20_000,
    concurrency: 2,
    batchSize: 3,
    signal: shutdown.signal,
    onEvent: log.onEvent,
  });
  await log.until("started", 2);
  shutdown.abort();
  expect(await drain).toMatchObject({ released: 3, retried: 0, stoppedBy: "signal", unsettled: 0 });
  expect(reasons).toEqual(["shutdown", "shutdown"]);
  expect(await queue.rows("SELECT DISTINCT status, attempts, released FROM jobs")).toEqual([
    { status: "READY", attempts: 0, released: 1 },
  ]);
});

test("a handler that ignores the shutdown keeps its lease", async () => {
  const id = await queue.insert();
  const log = new EventLog();
  const shutdown = new AbortController();
  const drain = timed({
    handlers: { a: ignoresItsSignal },
    budgetMs: 20_000,
    reserveMs: 100,
    signal: shutdown.signal,
    onEvent: log.onEvent,
  });
  await log.until("started");
  shutdown.abort();
  const report = await drain;
  expect(report).toMatchObject({ released: 0, unsettled: 1, stoppedBy: "signal" });
  expect(log.of("unsettled")).toMatchObject([{ id, type: "a" }]);
  expect(report.tookMs).toBeLessThan(5_000);
  expect(await jobRow(queue, id)).toMatchObject({ status: "RUNNING", attempts: 1 });
});

test("a signal that has fired before is a drain without a statement", async () => {
  await insertJobs(queue, 1);
  const report = await timed({ handlers: { a: nothing }, budgetMs: 5_000, signal: AbortSignal.abort() });
  expect(report).toMatchObject({ statements: 0, stoppedBy: "signal", done: 0 });
});

test("late in its budget it does not start a type that has taken longer than what is left", async () => {
  await insertJobs(queue, 4, "slow");
  await insertJobs(queue, 1, "quick");
  const started: string[] = [];
  const handlers = {
    slow: async (ctx: { readonly signal: AbortSignal }) => {
      started.push("slow");
      await takes(450)(ctx);
    },
    quick: () => {
      started.push("quick");
    },
  };
  const report = await timed({ handlers, budgetMs: 1_000, reserveMs: 200, concurrency: 1, batchSize: 3 });
  // One has taken 450 of 800 ms: another would not end in what is left.
  expect(started.filter((type) => type === "slow")).toHaveLength(1);
  expect(report).toMatchObject({ stoppedBy: "budget", retried: 0, more: true });
  expect(report.tookMs).toBeLessThan(1_000 + LEEWAY_MS);
  expect(
    await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE status = 'READY' AND attempts = 0"),
  ).toMatchObject([{ n: 5 - started.length }]);
});

test("a fresh drain always tries, so that a job longer than a budget does not starve", async () => {
  const id = await queue.insert();
  const drain = () => timed({ handlers: { a: takes(60_000) }, budgetMs: 2_000 });
  await drain();
  await queue.rows("UPDATE jobs SET run_after = now()");
  await drain();
  expect(await jobRow(queue, id)).toMatchObject({ attempts: 2, status: "READY" });
});

test("a lease lasts to the deadline or the job's timeout, whichever is first, and 10 s more", async () => {
  const [short, long] = [await queue.insert({ timeout_seconds: "3" }), await queue.insert()];
  const leases = new Map<string, number>();
  await timed({
    handlers: {
      a: async ({ job }) => {
        const row = await queue.rows(
          "SELECT extract(epoch FROM lease_expires_at - locked_at)::float8 AS s FROM jobs WHERE id = $1",
          [job.id],
        );
        leases.set(job.id, Number(row[0]?.["s"]));
      },
    },
    budgetMs: 20_000,
    concurrency: 2,
  });
  expect(leases.get(short)).toBeCloseTo(13, 1);
  expect(leases.get(long)).toBeGreaterThan(29);
  expect(leases.get(long)).toBeLessThanOrEqual(30);
});

test("a buffered job's lease reaches the deadline, since its timeout begins when it starts", async () => {
  await queue.rows("INSERT INTO jobs (job_type, timeout_seconds) SELECT 'a', 3 FROM generate_series(1, 2)");
  const leases: number[] = [];
  await timed({
    handlers: {
      a: async ({ job }) => {
        const [row] = await queue.rows(
          "SELECT extract(epoch FROM lease_expires_at - locked_at)::float8 AS s FROM jobs WHERE id = $1",
          [job.id],
        );
        leases.push(Number(row?.["s"]));
      },
    },
    budgetMs: 20_000,
    concurrency: 1,
    batchSize: 2,
  });
  expect(leases).toHaveLength(2);
  expect(leases[1]).toBeGreaterThan(29);
});

test("on a clock that moves only with awaited statements it returns in time, and cuts short what is late", async () => {
  const id = await queue.insert();
  let time = 0;
  const wire = new Wire();
  wire.step = async (_statement, send) => {
    const startedAt = performance.now();
    const rows = await send();
    time += performance.now() - startedAt;
    return rows;
  };
  const report = await timed({
    store: pooledStore(queue, { wire }),
    handlers: { a: ignoresItsSignal },
    budgetMs: 800,
    clock: () => time,
  });
  expect(report.tookMs).toBeLessThan(800 + LEEWAY_MS);
  expect(report).toMatchObject({ retried: 1, stoppedBy: "budget", unsettled: 0 });
  expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 1 });
});

test("the budget may be a function that tells how long is left", async () => {
  await queue.insert();
  const end = performance.now() + 700;
  const report = await timed({
    handlers: { a: ignoresItsSignal },
    budgetMs: () => end - performance.now(),
  });
  expect(report.tookMs).toBeLessThan(700 + LEEWAY_MS);
  expect(report).toMatchObject({ retried: 1, stoppedBy: "budget" });
});

test("a database that answers no more does not keep it", async () => {
  await insertJobs(queue, 2);
  const wire = new Wire();
  wire.step = (_statement, send) => (wire.sent.length < 3 ? send() : new Promise(() => undefined));
  const report = await timed({
    store: pooledStore(queue, { wire }),
    handlers: { a: nothing },
    budgetMs: 600,
    concurrency: 1,
  });
  expect(report.tookMs).toBeLessThan(600 + LEEWAY_MS);
  expect(report).toMatchObject({ stoppedBy: "error", error: { name: "UnknownOutcomeError" }, unsettled: 1 });
});

test("what is too much for one turn is sent again within what is left of the budget, not within the whole of it", async () => {
  await insertJobs(queue, 20);
  let time = 0;
  const wire = new Wire();
  wire.step = (_statement, send) => {
    if (wire.sent.length !== 2) return send();
    // The second turn has been refused for its length, and what is sent then is never answered.
    wire.step = () => new Promise(() => undefined);
    time += 1_000;
    return Promise.reject(Object.assign(new Error("canceling statement"), { code: "57014" }));
  };
  const report = await drainOnce({
    store: pooledStore(queue, { wire }),
    handlers: { a: nothing },
    budgetMs: 2_000,
    concurrency: 5,
    clock: () => time,
  });
  expect(wire.sent.length).toBeGreaterThan(2);
  expect(report).toMatchObject({ stoppedBy: "error", done: 0 });
  // By its own accounts, to which the time of what was given up on belongs.
  expect(report.elapsedMs).toBeLessThanOrEqual(2_000);
});

test("what is too much is not sent again once the time of its turn is over", async () => {
  await insertJobs(queue, 20);
  let time = 0;
  const wire = new Wire();
  wire.step = (_statement, send) => {
    if (wire.sent.length !== 2) return send();
    time += 1_900;
    return Promise.reject(Object.assign(new Error("canceling statement"), { code: "57014" }));
  };
  const report = await drainOnce({
    store: pooledStore(queue, { wire }),
    handlers: { a: nothing },
    budgetMs: 2_000,
    concurrency: 5,
    clock: () => time,
  });
  // The third settles what the first had picked up.
  expect(wire.turns().map((turn) => turnParts(turn).slots)).toEqual([5, 5, 0]);
  expect(report).toMatchObject({ stoppedBy: "error", done: 5, unsettled: 0 });
});

test("a turn is not sent again without its reap where the last settlement needs the last statement", async () => {
  await insertJobs(queue, 3);
  const wire = new Wire();
  wire.step = (_statement, send) =>
    wire.sent.length === 1
      ? Promise.reject(Object.assign(new Error("a trigger's word"), { code: "P0001" }))
      : send();
  const drain = (maxStatements: number): Promise<DrainReport> =>
    drainOnce({
      store: pooledStore(queue, { wire }),
      handlers: { a: nothing },
      budgetMs: 9_000,
      maxStatements,
    });
  await expect(drain(2)).rejects.toMatchObject({ code: "P0001" });
  expect(await jobsByStatus(queue)).toEqual({ READY: 3 });
  wire.sent.length = 0;
  expect(await drain(3)).toMatchObject({ done: 3, unsettled: 0, statements: 3 });
});

/** A store whose prunes wait for a lock, and the signals that they were sent with. */
async function heldUpPrunes(then: () => void = nothing) {
  const { client: locker } = await queue.session();
  const signals: (AbortSignal | undefined)[] = [];
  const store = pooledStore(queue, {
    between: (executor) => ({
      ...executor,
      query: async (text, params, options) => {
        if (!text.includes("pruned AS")) return await executor.query(text, params, options);
        await locker.query("BEGIN; LOCK TABLE jobs");
        signals.push(options?.signal);
        const sent = executor.query(text, params, options);
        then();
        return await sent;
      },
    }),
  });
  return { store, signals, locker };
}

test("a prune is over with the budget, and that is no error", async () => {
  await queue.insert();
  const { store, signals } = await heldUpPrunes();
  const report = await timed({
    store,
    handlers: { a: nothing },
    prune: { olderThanSeconds: 0 },
    budgetMs: 1_000,
  });
  expect(report.tookMs).toBeLessThan(1_000 + LEEWAY_MS);
  expect(report).toMatchObject({ done: 1, pruned: 0, stoppedBy: "budget", more: false });
  expect(report).not.toHaveProperty("error");
  expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
});

test("a shutdown's signal cuts a prune short, and keeps one from beginning", async () => {
  const stop = new AbortController();
  const { store, signals, locker } = await heldUpPrunes(() => {
    stop.abort();
  });
  const options = {
    handlers: { a: nothing },
    prune: { olderThanSeconds: 0 },
    signal: stop.signal,
    budgetMs: 60_000,
  };
  const report = await timed({ ...options, store });
  expect(report).toMatchObject({ stoppedBy: "signal", statements: 2 });
  expect(report).not.toHaveProperty("error");
  expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
  await locker.query("ROLLBACK");
  expect(await timed(options)).toMatchObject({ stoppedBy: "signal", statements: 0 });
});

test("what a prune sends besides, since a foreign key holds a job, is counted too", async () => {
  await queue.rows("CREATE TABLE invoices (job_id bigint REFERENCES jobs)");
  try {
    const id = await queue.insert({ status: "'DONE'", finished_at: "now() - interval '1 hour'" });
    await queue.rows("INSERT INTO invoices VALUES ($1)", [id]);
    const options = { handlers: { a: nothing }, prune: { olderThanSeconds: 0 }, budgetMs: 20_000 };
    const counts = async (maxStatements: number): Promise<unknown> => {
      const { statements, stoppedBy, error } = await timed({ ...options, maxStatements });
      return [statements, stoppedBy, error === undefined];
    };
    expect(await counts(3)).toEqual([3, "error", false]);
    expect(await counts(4)).toEqual([4, "empty", true]);
  } finally {
    await queue.rows("DROP TABLE invoices");
  }
});
