import { expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { defineJob, type UntypedJobs } from "../../src/core/contract.ts";
import type { LogFields, Logger } from "../../src/core/logger.ts";
import { defineSchedules } from "../../src/core/schedules/define-schedules.ts";
import { ScheduleStore } from "../../src/core/schedules/schedule-store.ts";
import type { SqlStatement } from "../../src/core/executor.ts";
import { executor as ownExecutor } from "../../src/core/make-executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { noting } from "../support/between.ts";
import { testPool } from "../support/pool.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";

const queue = await testQueue();

const jobs = { report: defineJob<{ kind: string; day: string }>(), ping: defineJob<{ n?: number }>() };
const handlers = { a: () => undefined };
const DUE = `INSERT INTO jobs_schedules (name, job_type, cron, next_tick) VALUES ('s', 'a', '@yearly', now() - interval '1 s')`;
const EACH_SECOND = `INSERT INTO jobs_schedules (name, job_type, cron) VALUES ('s', 'a', '* * * * * *')`;
const NAMES = "SELECT name, declared_by AS owner FROM jobs_schedules ORDER BY name";

/** A logger that keeps what was said. */
function keeping(): {
  readonly logger: Logger;
  readonly lines: (readonly [string, LogFields | undefined])[];
} {
  const lines: (readonly [string, LogFields | undefined])[] = [];
  const log = (message: string, fields?: LogFields): void => void lines.push([message, fields]);
  return { logger: { debug: log, info: log, warn: log, error: log }, lines };
}

test("a drain without schedules of its own serves what psql has inserted, with two statements more", async () => {
  const none = await drainOnce({ store: queue.store, handlers, budgetMs: 10_000 });
  expect(none).toMatchObject({ statements: 1, nextDueInMs: null });
  await queue.insert();
  const plain = await drainOnce({ store: queue.store, handlers, budgetMs: 10_000 });
  await queue.rows(DUE);
  const ticked = await drainOnce({ store: queue.store, handlers, budgetMs: 10_000 });
  expect(ticked).toMatchObject({ done: 1, stoppedBy: "empty", statements: plain.statements + 2 });
  // The next one is months ahead, and no job is planned before.
  expect(ticked.nextDueInMs).toBeGreaterThan(60_000);
  const idle = await drainOnce({ store: queue.store, handlers, budgetMs: 10_000 });
  expect(idle).toMatchObject({ done: 0, statements: 1 });
  expect(idle.nextDueInMs).toBeGreaterThan(60_000);
});

test("a drain that reaps nothing serves schedules too", async () => {
  await queue.rows(DUE);
  expect(await drainOnce({ store: queue.store, handlers, budgetMs: 10_000, reaper: false })).toMatchObject({
    done: 1,
  });
});

test("a drain goes on until no schedule is due, beyond the hundred of one tick", async () => {
  await queue.rows(`INSERT INTO jobs_schedules (name, job_type, cron, next_tick)
    SELECT 's' || n, 'a', '@yearly', now() - interval '1 s' FROM generate_series(1, 250) n`);
  expect(await drainOnce({ store: queue.store, handlers, budgetMs: 60_000, batchSize: 100 })).toMatchObject({
    done: 250,
    stoppedBy: "empty",
  });
});

test("a schedule that somebody else has locked holds no drain up", async () => {
  await queue.rows(DUE);
  await queue.insert();
  const { client } = await queue.session();
  await client.query("BEGIN; SELECT 1 FROM jobs_schedules FOR UPDATE");
  const report = await drainOnce({ store: queue.store, handlers, budgetMs: 10_000 });
  expect(report).toMatchObject({ done: 1, stoppedBy: "empty", nextDueInMs: 0 });
  expect(report.statements).toBeLessThanOrEqual(4);
});

test("a tick that fails is in the report, and the jobs are run all the same", async () => {
  await queue.rows(DUE);
  await queue.insert();
  await queue.rows("ALTER FUNCTION jobs_tick(int, timestamptz) RENAME TO elsewhere");
  try {
    const report = await drainOnce({ store: queue.store, handlers, budgetMs: 10_000 });
    expect(report).toMatchObject({ done: 1, stoppedBy: "error", error: { code: "42883" } });
  } finally {
    await queue.rows("ALTER FUNCTION elsewhere(int, timestamptz) RENAME TO jobs_tick");
  }
});

test.for([
  ["that is woken, and never polls", { safetyPollSeconds: Infinity }],
  ["that reaps nothing", { reaper: false }],
] as const)("an idle worker %s serves what psql inserts", async ([, options]) => {
  await using started = startWorker(queue, options);
  await expect.poll(() => queue.rows("SELECT 1 FROM jobs_waiting")).toHaveLength(1);
  await queue.rows(EACH_SECOND);
  await expect.poll(() => started.worker.counts.done).toBeGreaterThanOrEqual(3);
  const [row] = await queue.rows("SELECT bool_and(updated_at >= scheduled_for) AS never_early FROM jobs");
  expect(row).toEqual({ never_early: true });
});

test("a worker that hears nothing learns of schedules with its looks", async () => {
  await queue.rows(EACH_SECOND);
  const pool = testPool(queue.url, { max: 2 });
  const executor = pgExecutor(pool);
  const deaf = ownExecutor({ query: (...args) => executor.query(...args) });
  const worker = new Worker({
    concurrency: 10,
    store: new PgJobStore(deaf, { logger: false }),
    handlers,
    env: {},
  }).start();
  await expect.poll(() => worker.counts.done).toBeGreaterThanOrEqual(2);
  await worker.stop({ graceMs: 0 });
  await pool.end();
});

test("a declaration adds, changes and removes what is its owner's, and nothing else", async () => {
  const { logger, lines } = keeping();
  await queue.rows("INSERT INTO jobs_schedules (name, job_type, cron) VALUES ('by hand', 'a', '@daily')");
  const run = (
    owner: string,
    schedules: Parameters<typeof defineSchedules<UntypedJobs>>[0],
  ): Promise<unknown> =>
    drainOnce({
      store: new PgJobStore(pgExecutor(testClient)),
      handlers,
      schedules: defineSchedules(schedules),
      owner,
      budgetMs: 10_000,
      logger,
    });
  const { client: testClient } = await queue.session();
  const daily = { job: "a", cron: "@daily" } as const;
  await run("one", { x: daily, y: daily });
  await run("two", { z: daily });
  expect(await queue.rows(NAMES)).toEqual([
    { name: "by hand", owner: null },
    { name: "x", owner: "one" },
    { name: "y", owner: "one" },
    { name: "z", owner: "two" },
  ]);
  const image = "SELECT ctid, xmin, s.* FROM jobs_schedules s WHERE name = 'x'";
  const before = await queue.rows(image);
  await run("one", { x: daily });
  expect(await queue.rows(image)).toEqual(before);
  expect(lines).toContainEqual(["schedules are removed", { owner: "one", schedules: "y" }]);
  await run("one", { x: { ...daily, cron: "@hourly" }, z: daily, "by hand": daily });
  expect(lines).toContainEqual([
    "schedules belong to somebody else, and were left as they are",
    { owner: "one", schedules: "by hand, z" },
  ]);
  expect(
    await queue.rows("SELECT name, cron, declared_by AS owner FROM jobs_schedules ORDER BY name"),
  ).toEqual([
    { name: "by hand", cron: "@daily", owner: null },
    { name: "x", cron: "@hourly", owner: "one" },
    { name: "z", cron: "@daily", owner: "two" },
  ]);
});

test("schedules are declared once in a store's life", async () => {
  const sent: SqlStatement[] = [];
  const { store } = await queue.session({ between: noting(sent) });
  const schedules = defineSchedules({ s: { job: "a", cron: "@yearly" } });
  const drain = (): Promise<{ statements: number }> =>
    drainOnce({ store, handlers, schedules, owner: "one", budgetMs: 10_000 });
  expect((await drain()).statements).toBe(2);
  expect((await drain()).statements).toBe(1);
  expect(sent).toHaveLength(3);
});

test("a worker declares, and its run rejects where the database refuses that", async () => {
  const { store } = await queue.session();
  const good = new Worker({
    concurrency: 10,
    store,
    handlers,
    env: {},
    owner: "one",
    schedules: defineSchedules({ s: { job: "a", cron: "* * * * * *" } }),
  });
  const running = good.run();
  await expect.poll(() => good.counts.done).toBeGreaterThanOrEqual(1);
  await good.stop({ graceMs: 0 });
  await running;
  const schedules = defineSchedules({ t: { job: "a", cron: "@daily", timeZone: "Europe/Nowhere" } });
  const errors: unknown[] = [];
  const { store: other } = await queue.session();
  const bad = new Worker({
    concurrency: 10,
    store: other,
    handlers,
    env: {},
    owner: "one",
    schedules,
    onError: (event) => errors.push(event),
  });
  await expect(bad.run()).rejects.toMatchObject({ field: "timeZone" });
  expect(errors).toMatchObject([{ operation: "declare" }]);
});

test("what is wrong with a declaration is refused before anything is sent, with the field", async () => {
  const sent: SqlStatement[] = [];
  const { client } = await queue.session();
  const store = new PgJobStore(noting(sent)(pgExecutor(client)), { jobs, logger: false });
  const refused = async (definition: unknown): Promise<unknown> => {
    const schedules = defineSchedules<typeof jobs>({ s: definition as never });
    return drainOnce({
      store,
      types: ["ping"],
      handlers: { ping: () => undefined },
      schedules,
      owner: "o",
      budgetMs: 10_000,
    }).then(
      () => "accepted",
      (error: unknown) => (error as { field?: string }).field,
    );
  };
  expect(await refused({ job: "ping", cron: "61 * * * *" })).toBe("s.cron");
  expect(await refused({ job: "pong", cron: "@daily" })).toBe("s.job");
  expect(await refused({ job: "ping", cron: "@daily", timeZone: "CET" })).toBe("s.timeZone");
  expect(await refused({ job: "ping", cron: "@daily", missed: "never" })).toBe("s.missed");
  expect(await refused({ job: "ping", cron: "@daily", jitterSeconds: -1 })).toBe("s.jitterSeconds");
  expect(await refused({ job: "ping", cron: "@daily", payload: { n: NaN } })).toBe("s.payload.n");
  expect(await refused({ job: "ping", cron: "@daily", maxAttempts: 0 })).toBe("s.maxAttempts");
  expect(sent).toEqual([]);
  const schedules = defineSchedules<typeof jobs>({ s: { job: "ping", cron: "@daily" } });
  expect(
    () => new Worker({ store, types: ["ping"], handlers: { ping: () => undefined }, schedules, env: {} }),
  ).toThrow(expect.objectContaining({ field: "owner" }) as Error);
});

test("a contract types the payload, without the field that gets the tick's time", () => {
  defineSchedules<typeof jobs>({
    whole: { job: "report", cron: "@daily", payload: { kind: "x", day: "y" } },
    told: { job: "report", cron: "@daily", payload: { kind: "x" }, tickAs: "day" },
    none: { job: "ping", cron: "@daily" },
  });
  // @ts-expect-error -- the payload lacks a field
  defineSchedules<typeof jobs>({ s: { job: "report", cron: "@daily", payload: { kind: "x" } } });
  // @ts-expect-error -- no such job
  defineSchedules<typeof jobs>({ s: { job: "pong", cron: "@daily", payload: {} } });
  const definition = { job: "report", cron: "@daily", payload: { kind: "x" }, tickAs: "night" } as const;
  // @ts-expect-error -- no such field
  defineSchedules<typeof jobs>({ s: definition });
});

test("a store keeps schedules by hand: makes, changes, lists, pauses, resumes, runs and deletes them", async () => {
  const { client } = await queue.session();
  const store = new ScheduleStore(pgExecutor(client), { jobs, logger: false });
  await store.schedule("s", {
    job: "report",
    cron: "0 6 * * 1-5",
    timeZone: "Europe/Paris",
    payload: { kind: "k" },
    tickAs: "day",
  });
  const [made] = await store.schedules();
  expect(made).toMatchObject({
    name: "s",
    job: "report",
    cron: "0 6 * * 1-5",
    timeZone: "Europe/Paris",
    owner: null,
    paused: false,
  });
  expect(made?.nextTick?.getTime()).toBeGreaterThan(Date.now());
  await store.schedule("s", { job: "ping", cron: "@hourly" });
  expect(await store.schedules()).toMatchObject([{ job: "ping", cron: "@hourly", payload: {} }]);
  expect(await store.pauseSchedule("s")).toBe(true);
  expect(await store.schedules()).toMatchObject([{ paused: true, nextTick: null }]);
  expect(await store.resumeSchedule("s")).toBe(true);
  expect((await store.schedules())[0]?.nextTick).toBeInstanceOf(Date);
  const id = await store.runSchedule("s");
  expect(await store.get(id ?? "")).toMatchObject({ type: "ping", status: "READY" });
  expect(await store.runSchedule("s")).toBeNull();
  expect(await store.unschedule("s")).toBe(true);
  expect([await store.unschedule("s"), await store.pauseSchedule("s"), await store.schedules()]).toEqual([
    false,
    false,
    [],
  ]);
  await expect(store.runSchedule("s")).rejects.toMatchObject({ field: "name" });
  await expect(store.schedule("s", { job: "ping", cron: "0 0 30 2 *" })).rejects.toMatchObject({
    field: "cron",
  });
});

test("a schedule that code declares is not taken over by hand", async () => {
  await queue.rows(
    "INSERT INTO jobs_schedules (name, job_type, cron, declared_by) VALUES ('s', 'a', '@daily', 'one')",
  );
  const { client } = await queue.session();
  const store = new ScheduleStore(pgExecutor(client), { logger: false });
  await expect(store.schedule("s", { job: "a", cron: "@hourly" })).rejects.toMatchObject({ field: "name" });
  expect(await store.schedules()).toMatchObject([{ cron: "@daily", owner: "one" }]);
});

test("nextTicks says when an expression ticks, gaps and overlaps of the clock included", async () => {
  const { client } = await queue.session();
  const store = new ScheduleStore(pgExecutor(client), { logger: false });
  const berlin = async (cron: string, after: string, count: number): Promise<string[]> =>
    (await store.nextTicks(cron, { timeZone: "Europe/Berlin", after: new Date(after), count })).map((tick) =>
      tick.toISOString(),
    );
  // Put forward at 01:00 UTC: 02:30 comes as late as it would have come, and half hours follow the wall.
  expect(await berlin("30 2 * * *", "2026-03-28T12:00:00Z", 2)).toEqual([
    "2026-03-29T01:30:00.000Z",
    "2026-03-30T00:30:00.000Z",
  ]);
  expect(await berlin("*/30 * * * *", "2026-03-29T00:29:00Z", 2)).toEqual([
    "2026-03-29T00:30:00.000Z",
    "2026-03-29T01:00:00.000Z",
  ]);
  // Put back at 01:00 UTC: 02:30 comes once, and half hours in both.
  expect(await berlin("30 2 * * *", "2026-10-24T12:00:00Z", 2)).toEqual([
    "2026-10-25T00:30:00.000Z",
    "2026-10-26T01:30:00.000Z",
  ]);
  expect(await berlin("*/30 2 * * *", "2026-10-24T12:00:00Z", 4)).toEqual([
    "2026-10-25T00:00:00.000Z",
    "2026-10-25T00:30:00.000Z",
    "2026-10-25T01:00:00.000Z",
    "2026-10-25T01:30:00.000Z",
  ]);
  await expect(store.nextTicks("61 * * * *")).rejects.toMatchObject({ field: "cron" });
  await expect(store.nextTicks("@daily", { count: 0 })).rejects.toMatchObject({ field: "count" });
  await expect(store.nextTicks("@daily", { timeZone: "Mars/Base" })).rejects.toMatchObject({
    field: "timeZone",
  });
});

test("in a transaction a schedule is made with what else is committed", async () => {
  const pool = testPool(queue.url, { max: 1 });
  const store = new ScheduleStore(pgExecutor(pool), { logger: false });
  const aborted = store.transaction(async (tx) => {
    await store.with(tx).schedule("s", { job: "a", cron: "@daily" });
    throw new Error("no");
  });
  await expect(aborted).rejects.toThrow("no");
  expect(await store.schedules()).toEqual([]);
  await pool.end();
});
