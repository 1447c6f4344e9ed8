import { Client } from "pg";
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { isPqrunError } from "../../src/core/errors.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { sqlState } from "../../src/core/sql/sql-state.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { FAULT_DRIVERS, faultClients } from "../support/fault-clients.ts";
import { Gate } from "../support/handlers.ts";
import { migratedServer } from "../support/killed-server.ts";
import { withClient } from "../support/postgres.ts";

const CONNECTIONS = 10;
const WAIT = { timeout: 100_000, interval: 20 };
const HOG = "hog";

const server = await migratedServer({
  max_connections: String(CONNECTIONS),
  superuser_reserved_connections: "0",
  reserved_connections: "0",
  max_wal_senders: "0",
});
afterAll(() => server[Symbol.asyncDispose]());

beforeEach(() => withClient(server.url, (client) => client.query("TRUNCATE jobs")));

/** Takes so many connections, from others where there is none, until the test ends or they leave. */
async function hog(count: number): Promise<Client[]> {
  const hogs: Client[] = [];
  onTestFinished(async () => {
    await Promise.all(hogs.map((client) => client.end()));
  });
  const takeOne = async (): Promise<number> => {
    const client = new Client({ connectionString: server.url, application_name: HOG });
    client.on("error", () => undefined);
    await hogs[0]?.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name <> $1 AND datname IS NOT NULL",
      [HOG],
    );
    await client.connect().then(
      () => hogs.push(client),
      () => undefined,
    );
    return hogs.length;
  };
  await expect.poll(takeOne, { ...WAIT, interval: 1 }).toBe(count);
  return hogs;
}

/** Said by the server, and known to have written nothing. */
function saysTooMany(error: unknown): boolean {
  return sqlState(error) === "53300" && !isPqrunError(error, "unknown-outcome");
}

const jobsOf = (count: number): { type: string; payload: Record<string, unknown> }[] =>
  Array.from({ length: count }, () => ({ type: "a", payload: {} }));

describe.each(FAULT_DRIVERS)("over %s", (driver) => {
  const openStore = (max: number): PgJobStore => {
    const client = faultClients[driver](server.url, max);
    onTestFinished(async () => {
      await client.end();
    });
    return new PgJobStore(client.executor);
  };
  const handlers = { a: () => undefined, b: () => undefined };

  test("25: without a connection enqueue and drain say 53300, nothing is written, and all goes on when one is free", async () => {
    const hogs = await hog(CONNECTIONS);
    const store = openStore(2);
    const refused = await Promise.allSettled(Array.from({ length: 20 }, () => store.enqueue("a", {})));
    for (const result of refused)
      expect(result).toMatchObject({ status: "rejected", reason: expect.toSatisfy(saysTooMany) as unknown });
    await expect(drainOnce({ store, handlers, budgetMs: 5_000 })).rejects.toSatisfy(saysTooMany);
    await hogs.pop()?.end();
    await expect.poll(() => store.enqueue("a", {}).then(() => "written", sqlState), WAIT).toBe("written");
    expect(await drainOnce({ store, handlers, budgetMs: 5_000 })).toMatchObject({ done: 1, more: false });
  });

  test("25: beside nine hogs a drain lives on the one connection that is left: ten handlers hold none of it", async () => {
    await hog(CONNECTIONS - 1);
    const store = openStore(1);
    await store.enqueueMany(jobsOf(10));
    const gate = new Gate();
    let running = 0;
    const drain = drainOnce({
      store,
      budgetMs: 15_000,
      handlers: {
        ...handlers,
        a: async (ctx) => {
          running += 1;
          await gate.opened;
          await ctx.store.enqueue("b", {});
        },
      },
    });
    await expect.poll(() => running, WAIT).toBe(10);
    expect(await store.stats()).toBeDefined();
    gate.open();
    expect(await drain).toMatchObject({ done: 20, unsettled: 0, stoppedBy: "empty" });
  });

  test("25: a worker whose connections are taken away settles and goes on once hogs leave, and runs nothing twice", async () => {
    const store = openStore(2);
    const gate = new Gate();
    const starts: string[] = [];
    const failures: unknown[] = [];
    const worker = new Worker({
      store,
      concurrency: 10,
      env: {},
      handlers: {
        a: async ({ job }) => {
          starts.push(job.id);
          await gate.opened;
        },
      },
      idlePoll: { delayMs: () => 50 },
      logger: { ...silentLogger, warn: (_, fields) => void failures.push(fields?.["error"]) },
    }).start();
    onTestFinished(() => worker.stop({ graceMs: 0 }));
    await store.enqueueMany(jobsOf(15));
    await expect.poll(() => starts.length, WAIT).toBe(10);
    const hogs = await hog(CONNECTIONS);
    gate.open();
    await expect.poll(() => failures.join(), WAIT).toContain("too many clients");
    expect((await hogs[0]?.query("SELECT FROM jobs WHERE status = 'RUNNING'"))?.rowCount).toBe(10);
    // One would do for the turns, but LISTEN may be the first to take it.
    for (let count = 0; count < 2; count += 1) await hogs.pop()?.end();
    await expect.poll(() => worker.counts.done, WAIT).toBe(15);
    expect(new Set(starts).size).toBe(starts.length);
  });
});

test("25: over a pg Pool of one connection a worker does not LISTEN, and runs what comes", async () => {
  const client = faultClients.pg(server.url, 1);
  onTestFinished(async () => {
    await client.end();
  });
  const store = new PgJobStore(client.executor);
  const worker = new Worker({ concurrency: 10, store, env: {}, handlers: { a: () => undefined } }).start();
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  await withClient(server.url, (own) => own.query("INSERT INTO jobs (job_type) VALUES ('a')"));
  await expect.poll(() => worker.counts.done, WAIT).toBe(1);
});
