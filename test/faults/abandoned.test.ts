import { setTimeout as pause } from "node:timers/promises";

import postgres from "postgres";
import { expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { CancelRequests, type CancelFate } from "../support/cancel-requests.ts";
import { EventLog } from "../support/event-log.ts";
import { insertJobs } from "../support/job-rows.ts";
import { testPool } from "../support/pool.ts";
import { testQueue } from "../support/queue.ts";
import { openTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { Overtime } from "./half-open/overtime.ts";
import { limited } from "./messages/cut.ts";

const queue = await testQueue();
const MAX = 4;

interface Opened {
  readonly executor: SqlExecutor;
  /** Closes it as its owner does. */
  readonly end: () => Promise<void>;
}

function overPg(url: string): Opened {
  const pool = testPool(url, { max: MAX });
  return { executor: pgExecutor(pool), end: () => pool.end() };
}

const DRIVERS: Readonly<Record<string, (url: string) => Opened>> = {
  pg: overPg,
  "postgres.js": (url) => {
    const sql = postgres(url, { max: MAX, fetch_types: false, onnotice: () => undefined });
    return { executor: postgresExecutor(sql), end: () => sql.end({ timeout: 0 }) };
  },
};

for (const [name, open] of Object.entries(DRIVERS)) {
  test.each<CancelFate>(["heeded", "swallowed", "cut"])(
    `${name}: under a long lock of the table, workers have no more sessions than their pool, requests to cancel %s`,
    async (fate) => {
      const { proxy, cancels } = await tapped(fate);
      const { executor, end } = open(through(proxy));
      const overtime = new Overtime();
      const store = new PgJobStore(overtime.between(executor));
      const log = new EventLog();
      await insertJobs(queue, 20);
      await using lock = await locked("ACCESS EXCLUSIVE");
      const workers = Array.from({ length: 3 }, () =>
        new Worker({
          store,
          concurrency: 10,
          env: {},
          leaseMs: 1_000,
          loopError: { delayMs: () => 20 },
          onEvent: log.onEvent,
          handlers: { a: () => undefined },
        }).start(),
      );
      onTestFinished(async () => {
        await Promise.all(workers.map((worker) => worker.stop({ graceMs: 0 })));
        await end();
      });
      const most: number[] = [];
      while (overtime.aborted - overtime.late < 6 * MAX) {
        most.push(await waiting());
        await pause(20);
      }
      expect(Math.max(...most)).toBeGreaterThan(0);
      expect(Math.max(...most)).toBeLessThanOrEqual(MAX);
      expect(cancels.count).toBeGreaterThan(0);
      await lock.release();
      await limited("the jobs", log.until("done", 20));
      expect(await queue.rows("SELECT status, count(*)::int AS n FROM jobs GROUP BY 1")).toEqual([
        { status: "DONE", n: 20 },
      ]);
    },
  );

  test(`${name}: what a drain gives up ends on the server, its prune too`, async () => {
    const { proxy } = await tapped("heeded");
    const { executor, end } = open(through(proxy));
    onTestFinished(end);
    await using lock = await locked("ACCESS EXCLUSIVE");
    const store = new PgJobStore(executor);
    const drain = drainOnce({ store, budgetMs: 400, handlers: { a: () => undefined } });
    await expect(drain).rejects.toMatchObject({ name: "UnknownOutcomeError" });
    await limited(
      "its end",
      until(async () => (await waiting()) === 0),
    );
    await lock.release();

    let prunes = 0;
    const late = new PgJobStore({
      ...executor,
      query: async (text, params, options) => {
        if (text.includes("pruned AS")) {
          prunes += 1;
          await using again = await locked("ACCESS EXCLUSIVE");
          const pruned = executor.query(text, params, options);
          await pruned.catch(() => undefined);
          await limited(
            "the prune's end",
            until(async () => (await waiting()) === 0),
          );
          await again.release();
          return await pruned;
        }
        return await executor.query(text, params, options);
      },
    });
    const report = await drainOnce({
      store: late,
      budgetMs: 1_000,
      prune: { olderThanSeconds: 0 },
      handlers: { a: () => undefined },
    });
    expect(report).toMatchObject({ stoppedBy: "budget", pruned: 0 });
    expect(prunes).toBe(1);
  });
}

test("pg: a pool whose open connections have all gone silent goes on with new ones", async () => {
  const { proxy } = await tapped("heeded");
  const { executor, end } = overPg(through(proxy));
  onTestFinished(end);
  // Each is a connection that is idle when it falls silent, and there are as many as the pool may have.
  const sleep = (): Promise<unknown> => executor.query("SELECT pg_sleep(0.05)::text AS a");
  await Promise.all(Array.from({ length: MAX }, sleep));
  expect(proxy.silence()).toBe(MAX);
  const given = async (): Promise<string> => {
    const limit = AbortSignal.timeout(1_500);
    return await executor.query("SELECT 'x' AS a", [], { signal: limit }).then(() => "answered", String);
  };
  expect(await given()).toContain("Timeout");
  // By now that one is known to be silent, and those that were open with it are not trusted.
  await pause(1_000);
  expect(await given()).toBe("answered");
  // An answer to the same statement shows that it is silent, and not held up: its place is free again.
  await limited("all places", Promise.all(Array.from({ length: MAX }, sleep)));
});

test("pg: a pool can be ended while a statement that was given up is still at the server", async () => {
  const { proxy, cancels } = await tapped("swallowed");
  const { executor, end } = overPg(through(proxy));
  await using lock = await locked("ACCESS EXCLUSIVE");
  const limit = AbortSignal.timeout(200);
  await expect(executor.query("SELECT count(*) FROM jobs", [], { signal: limit })).rejects.toThrow();
  await limited(
    "the request",
    until(() => Promise.resolve(cancels.count > 0)),
  );
  expect(await waiting()).toBe(1);
  await limited("the pool's end", end());
  await lock.release();
});

test("pg: a transaction whose statement is aborted is rolled back at once, however long that would have waited", async () => {
  const { proxy } = await tapped("heeded");
  const { executor, end } = overPg(through(proxy));
  onTestFinished(end);
  await using lock = await locked("ACCESS EXCLUSIVE");
  const limit = AbortSignal.timeout(200);
  const aborted = executor.transaction?.((tx) => tx.query("DELETE FROM jobs", [], { signal: limit }));
  await expect(limited("the transaction's end", Promise.resolve(aborted))).rejects.toThrow("timeout");
  expect(await waiting()).toBe(0);
  await lock.release();
});

test("pg: a query_timeout leaves no session behind either", async () => {
  const { proxy } = await tapped("heeded");
  const pool = testPool(through(proxy), { max: MAX, query_timeout: 200 });
  onTestFinished(() => pool.end());
  const executor = pgExecutor(pool);
  await using lock = await locked("ACCESS EXCLUSIVE");
  await expect(executor.query("SELECT count(*) FROM jobs")).rejects.toThrow("timeout");
  await limited(
    "its end",
    until(async () => (await waiting()) === 0),
  );
  await lock.release();
  expect(await executor.query("SELECT count(*)::text AS a FROM jobs")).toEqual([{ a: "0" }]);
});

async function tapped(fate: CancelFate): Promise<{ proxy: TcpProxy; cancels: CancelRequests }> {
  const { hostname, port } = new URL(queue.url);
  const cancels = new CancelRequests(fate);
  const proxy = await openTcpProxy({ host: hostname, port: Number(port) }, { tap: cancels.tap });
  onTestFinished(() => proxy.close());
  return { proxy, cancels };
}

function through({ port }: TcpProxy): string {
  const url = new URL(queue.url);
  url.hostname = "127.0.0.1";
  url.port = String(port);
  return url.href;
}

/** Locks the table until it is released. */
async function locked(mode: string): Promise<AsyncDisposable & { release(): Promise<unknown> }> {
  const { client } = await queue.session();
  await client.query(`BEGIN; LOCK TABLE jobs IN ${mode} MODE`);
  let held = true;
  const release = async (): Promise<void> => {
    if (held) await client.query("ROLLBACK");
    held = false;
  };
  return { release, [Symbol.asyncDispose]: release };
}

/** How many sessions of this database wait for a lock. */
async function waiting(): Promise<number> {
  const [row] = await queue.rows(
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
  );
  return Number(row?.["n"]);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(20);
}
