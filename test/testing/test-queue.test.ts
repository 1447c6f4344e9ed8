import { expect, test, vi } from "vitest";

import { defineJob } from "../../src/core/contract.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { defineSchedules } from "../../src/schedules.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { testQueue } from "../../src/testing/testing.ts";
import { testPool } from "../support/pool.ts";
import { freshDatabase } from "../support/postgres.ts";

const jobs = {
  welcome: defineJob<{ userId: number }>(),
  remind: defineJob<{ userId: number }>({ priority: 3, maxAttempts: 2 }),
};
const nothing = (): void => undefined;

test("two queues of one process share nothing but their PGlite", async () => {
  await using one = await testQueue({ jobs });
  await using other = await testQueue({ jobs });
  expect(other.executor).toBe(one.executor);
  await one.store.enqueue("welcome", { userId: 1 });
  expect(await one.enqueued()).toHaveLength(1);
  expect(await other.enqueued()).toEqual([]);
});

test("what waits is plain data, of one type or of all, in the order of its enqueues", async () => {
  await using queue = await testQueue({ jobs });
  await queue.store.enqueue("welcome", { userId: 1 }, { dedupeKey: "w1" });
  await queue.store.enqueue("remind", { userId: 1 }, { delayMs: 7_200_000 });
  await queue.store.enqueue("welcome", { userId: 2 });
  const job = { attempts: 0, timeoutSeconds: null, delayMs: 0 };
  const welcome = { ...job, type: "welcome", priority: 0, maxAttempts: 5 };
  const first = { ...welcome, id: "1", payload: { userId: 1 }, dedupeKey: "w1" };
  const third = { ...welcome, id: "3", payload: { userId: 2 }, dedupeKey: null };
  expect(await queue.enqueued("welcome")).toEqual([first, third]);
  const second = { id: "2", type: "remind", payload: { userId: 1 }, dedupeKey: null, priority: 3 };
  expect(await queue.enqueued()).toEqual([
    first,
    { ...job, ...second, maxAttempts: 2, delayMs: 7_200_000 },
    third,
  ]);
});

test("drainAll runs what is due, what that enqueues, what waits and what is to be retried, in the order of due times", async () => {
  await using queue = await testQueue({ jobs });
  await queue.store.enqueue("remind", { userId: 9 }, { delayMs: 86_400_000 });
  await queue.store.enqueue("welcome", { userId: 1 });
  const ran: string[] = [];
  const attempts = await queue.drainAll({
    welcome: async ({ payload, job, store }) => {
      ran.push(`welcome ${payload.userId}`);
      if (job.attempts < 2) throw new Error("the mail server is away");
      await store.enqueue("remind", payload, { delayMs: 3_600_000 });
    },
    remind: ({ payload }) => void ran.push(`remind ${payload.userId}`),
  });
  expect(ran).toEqual(["welcome 1", "welcome 1", "remind 1", "remind 9"]);
  expect(attempts.map(({ type, outcome, attempt }) => [type, outcome, attempt])).toEqual([
    ["welcome", "retried", 1],
    ["welcome", "done", 2],
    ["remind", "done", 1],
    ["remind", "done", 1],
  ]);
  expect(attempts[0]?.error).toMatchObject({ message: "the mail server is away" });
});

test("it leaves other types alone, and with `advance: false` whatever is not due", async () => {
  await using queue = await testQueue({ jobs });
  await queue.store.enqueue("remind", { userId: 1 });
  await queue.store.enqueue("welcome", { userId: 1 }, { delayMs: 1_000_000 });
  expect(await queue.drainAll({ welcome: nothing }, { advance: false })).toEqual([]);
  expect(await queue.drainAll({ welcome: nothing })).toHaveLength(1);
  expect(await queue.enqueued()).toMatchObject([{ type: "remind" }]);
});

test("a job that ends FAILED fails the test with what its handler threw, unless failures are allowed", async () => {
  await using queue = await testQueue({ jobs });
  const thrown = new TypeError("no such user");
  const handlers = {
    remind: () => {
      throw thrown;
    },
  };
  await queue.store.enqueue("remind", { userId: 1 });
  await expect(queue.drainAll(handlers)).rejects.toMatchObject({
    message: "job 1 of the type remind failed: no such user",
    cause: thrown,
  });
  await queue.store.enqueue("remind", { userId: 2 });
  const attempts = await queue.drainAll(handlers, { allowFailures: true });
  expect(attempts.map(({ outcome }) => outcome)).toEqual(["retried", "failed"]);
});

test("a job that enqueues itself for ever ends drainAll with words", async () => {
  await using queue = await testQueue({ jobs });
  await queue.store.enqueue("welcome", { userId: 1 });
  const again = queue.drainAll(
    {
      welcome: async ({ store, payload }) => {
        await store.enqueue("welcome", payload);
      },
    },
    { maxJobs: 7 },
  );
  await expect(again).rejects.toThrow("7 attempts, and more is due: does a job enqueue itself?");
});

test("advance moves what waits, what is leased and what is finished, and runs nothing", async () => {
  await using queue = await testQueue({ jobs });
  await queue.store.enqueue("welcome", { userId: 1 });
  await queue.drainAll({ welcome: nothing });
  await queue.store.enqueue("remind", { userId: 2 }, { delayMs: 7_200_000 });
  await queue.advance("1h59m");
  expect(await queue.drainAll({ remind: nothing }, { advance: false })).toEqual([]);
  await queue.advance("1m");
  expect(await queue.drainAll({ remind: nothing }, { advance: false })).toHaveLength(1);
  await queue.store.enqueue("welcome", { userId: 3 });
  // Its worker is lost.
  expect(await queue.store.pickup({ types: ["welcome"], workerId: "gone" })).toHaveLength(1);
  await queue.advance("1h");
  expect(await queue.store.reapStale()).toMatchObject([{ id: "3" }]);
  await queue.advance("30d");
  expect(await queue.store.prune({ olderThanSeconds: 29 * 86_400 })).toMatchObject({ deleted: 2 });
});

test("what is no span is refused", async () => {
  await using queue = await testQueue();
  for (const span of ["", "2 hours", "soon", -1, 0, Number.NaN])
    await expect(queue.advance(span)).rejects.toMatchObject({ name: "InvalidInputError", field: "span" });
});

test("schedules make the jobs of the ticks that advance passes, each as of its own tick", async () => {
  await using queue = await testQueue({ jobs });
  const schedules = defineSchedules<typeof jobs>({
    hourly: { cron: "0 * * * *", job: "welcome", payload: { userId: 0 }, overlap: "allow", missed: "all" },
  });
  const ticks: (Date | null)[] = [];
  const drain = (): Promise<unknown> =>
    drainOnce({
      store: queue.store,
      handlers: { welcome: ({ job }) => void ticks.push(job.scheduledFor) },
      types: ["welcome"],
      schedules,
      owner: "test",
      concurrency: 1,
      budgetMs: 60_000,
      env: {},
    });
  await drain();
  await queue.advance("2h");
  await queue.advance("1h");
  await drain();
  expect(ticks).toHaveLength(3);
  expect(ticks.map((tick) => (tick?.getTime() ?? 1) % 3_600_000)).toEqual([0, 0, 0]);
  expect((ticks[2]?.getTime() ?? 0) - (ticks[0]?.getTime() ?? 0)).toBe(7_200_000);
});

test("inline, an enqueue has run its job and what that enqueues; one in a transaction runs after the commit", async () => {
  await using queue = await testQueue({ jobs });
  const ran: string[] = [];
  const stop = queue.inline({
    welcome: async ({ payload }) => {
      await queue.store.enqueue("remind", payload);
      ran.push("welcome");
    },
    remind: () => void ran.push("remind"),
  });
  await queue.store.enqueue("welcome", { userId: 1 });
  expect(ran.splice(0)).toEqual(["welcome", "remind"]);
  await queue.store.transaction(async (tx) => {
    await queue.store.with(tx).enqueue("remind", { userId: 1 });
    expect(ran).toEqual([]);
  });
  expect(ran.splice(0)).toEqual(["remind"]);
  await Promise.all(
    [1, 2, 3].map((userId) => queue.store.enqueueMany([{ type: "remind", payload: { userId } }])),
  );
  expect(ran.splice(0)).toHaveLength(3);
  stop();
  await queue.store.enqueue("remind", { userId: 1 });
  expect(ran).toEqual([]);
});

test("inline, a handler's error reaches the enqueue, whose job waits for its retry", async () => {
  await using queue = await testQueue({ jobs });
  queue.inline({
    welcome: () => {
      throw new Error("away");
    },
  });
  await expect(queue.store.enqueue("welcome", { userId: 1 })).rejects.toThrow(
    "job 1 of the type welcome retried: away",
  );
  expect(await queue.enqueued()).toMatchObject([{ attempts: 1 }]);
});

test("under fake timers PGlite's clock is the test's: moving it makes jobs due", async () => {
  vi.useFakeTimers({ now: new Date("2031-05-05T00:00:00Z") });
  try {
    await using queue = await testQueue({ jobs });
    await queue.store.enqueue("remind", { userId: 1 }, { runAfter: new Date("2031-05-05T02:00:00Z") });
    expect(await queue.drainAll({ remind: nothing }, { advance: false })).toEqual([]);
    vi.advanceTimersByTime(7_200_000);
    expect(await queue.drainAll({ remind: nothing }, { advance: false })).toHaveLength(1);
    await queue.store.enqueue("welcome", { userId: 1 }, { delayMs: 1_000 });
    expect(await queue.drainAll({ welcome: nothing })).toHaveLength(1);
  } finally {
    vi.useRealTimers();
  }
});

test("where the runtime's own timers can't be had it says so", async () => {
  await using queue = await testQueue({ jobs });
  Object.assign(setTimeout, { clock: true });
  try {
    await expect(queue.drainAll({ welcome: nothing })).rejects.toThrow("not fake timers");
  } finally {
    Reflect.deleteProperty(setTimeout, "clock");
  }
});

test("a statement outside of PGlite's open transaction fails with words, where both would wait for ever", async () => {
  await using queue = await testQueue({ jobs });
  const outside = queue.store.transaction(() => queue.store.enqueue("welcome", { userId: 1 }));
  await expect(outside).rejects.toThrow("PGlite has one session, in a transaction just now");
});

test("it takes a PostgreSQL of the caller's, and leaves nothing there", async () => {
  const database = await freshDatabase();
  const pool = testPool(database.url);
  const schemas = async (): Promise<readonly unknown[]> => {
    const { rows } = await pool.query<object>("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pqrun%'");
    return rows;
  };
  try {
    {
      await using queue = await testQueue({ jobs, executor: pgExecutor(pool) });
      const own = new PgJobStore(queue.executor, { ...queue.table, jobs });
      await own.enqueue("remind", { userId: 1 }, { delayMs: 3_600_000 });
      expect(await queue.enqueued("remind")).toMatchObject([{ payload: { userId: 1 }, delayMs: 3_600_000 }]);
      expect(await queue.drainAll({ remind: nothing })).toHaveLength(1);
      expect(await schemas()).toHaveLength(1);
    }
    expect(await schemas()).toEqual([]);
  } finally {
    await pool.end();
    await database.drop();
  }
});
