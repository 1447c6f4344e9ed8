import { Client, Pool } from "pg";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { limited } from "../faults/messages/cut.ts";
import { EventLog } from "../support/event-log.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const NAME = "idle-connections";
const named = { connectionString: queue.url, application_name: NAME };

/** What would have gone to the console. */
const warnings: string[] = [];
beforeEach(() => {
  warnings.length = 0;
  vi.spyOn(console, "warn").mockImplementation((line: unknown) => void warnings.push(String(line)));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** As a restart, a failover or an idle_session_timeout does. An error that nobody hears fails the run. */
async function endSessions(): Promise<number> {
  const text =
    "SELECT count(pg_terminate_backend(pid))::int AS n FROM pg_stat_activity WHERE application_name = $1";
  const [row] = await queue.rows(text, [NAME]);
  return Number(row?.["n"]);
}

test("a Worker over a plain Pool, as the README has it, outlives the sessions that the server ends", async () => {
  const log = new EventLog();
  const pool = new Pool({ ...named, idleTimeoutMillis: 60_000 });
  const store = new PgJobStore(pgExecutor(pool, { prepare: true }));
  const worker = new Worker({ store, env: {}, onEvent: log.onEvent, handlers: { a: () => undefined } });
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await pool.end();
  });
  worker.start();
  await store.enqueue("a", {});
  await limited("the first job", log.until("done"));
  for (let round = 2; round <= 3; round += 1) {
    expect(await endSessions()).toBeGreaterThan(0);
    await queue.insert();
    await limited("the next job", log.until("done", round), 20_000);
  }
  const lost = warnings.filter((line) => line.includes("an idle connection was lost error="));
  expect(lost).toHaveLength(1);
});

test("executors of one pool listen once, and not where its owner does", async () => {
  const [bare, owned] = [new Pool(named), new Pool(named)];
  onTestFinished(async () => {
    await Promise.all([bare.end(), owned.end()]);
  });
  const heard: string[] = [];
  owned.on("error", (error) => heard.push(error.message));
  for (const pool of [bare, owned]) {
    for (let count = 0; count < 3; count += 1) pgExecutor(pool);
    expect(pool.listenerCount("error")).toBe(1);
    await pool.query("SELECT 1");
  }
  expect(await endSessions()).toBe(2);
  await expect.poll(() => heard).toEqual([expect.stringContaining("terminating connection")]);
  await expect.poll(() => warnings.length).toBe(1);
});

test("an owner who listens later says what he wants; a logger, or none, stands for the console", async () => {
  const told: unknown[] = [];
  const pools = [new Pool(named), new Pool(named), new Pool(named)] as const;
  onTestFinished(async () => {
    await Promise.all(pools.map((pool) => pool.end()));
  });
  const [later, logged, silent] = pools;
  pgExecutor(later);
  later.on("error", () => undefined);
  pgExecutor(logged, { logger: { ...silentLogger, warn: (line, fields) => told.push([line, fields]) } });
  pgExecutor(silent, { logger: false });
  for (const pool of pools) await pool.query("SELECT 1");
  expect(await endSessions()).toBe(3);
  const error = expect.stringContaining("terminating connection") as string;
  await expect.poll(() => told).toEqual([["an idle connection was lost", { error }]]);
  await expect.poll(() => pools.map((pool) => pool.totalCount)).toEqual([0, 0, 0]);
  expect(warnings).toEqual([]);
});

test("a Client that the server ends is an error of its next statement, and ends no process", async () => {
  const client = new Client(named);
  await client.connect();
  const executor = pgExecutor(client);
  await executor.query("SELECT 1::text AS a");
  expect(await endSessions()).toBe(1);
  await expect.poll(() => warnings).toEqual([expect.stringContaining("the connection was lost")]);
  await expect(executor.query("SELECT 1::text AS a")).rejects.toThrow("connection error");
});
