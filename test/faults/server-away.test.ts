import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { PgJobStore } from "../../src/core/store.ts";
import { Worker } from "../../src/runners/worker.ts";
import type { SqlStatement } from "../../src/core/executor.ts";
import { noting } from "../support/between.ts";
import { countingPort } from "../support/counting-port.ts";
import { FAULT_DRIVERS, faultClients } from "../support/fault-clients.ts";
import { killBackend, killServer, migratedServer } from "../support/killed-server.ts";
import { withClient } from "../support/postgres.ts";

const SOON = { timeout: 15_000, interval: 20 };
const AWAY_MS = 3_000;

const server = await migratedServer();
afterAll(() => server[Symbol.asyncDispose]());

beforeEach(() => withClient(server.url, (client) => client.query("TRUNCATE public.jobs_waiting")));

describe.each(FAULT_DRIVERS)("over %s", (driver) => {
  /** A worker that finds nothing by polling while a test lasts. */
  const startWorker = (sent: SqlStatement[] = []): Worker => {
    const client = faultClients[driver](server.url, 4);
    const worker = new Worker({
      store: new PgJobStore(noting(sent)(client.executor)),
      handlers: { a: () => undefined },
      idlePoll: { delayMs: () => 600_000 },
      safetyPollSeconds: 600,
      reapIntervalSeconds: 600,
      env: {},
    }).start();
    onTestFinished(async () => {
      await worker.stop({ graceMs: 0 });
      await client.end();
    });
    return worker;
  };

  test.each([
    ["one backend", killBackend],
    ["the postmaster", killServer],
  ])("22: after kill -9 of %s an idle worker is woken by NOTIFY again, not by its poll", async (_, kill) => {
    const worker = startWorker();
    await listens();
    await insertIsRun(worker);
    await kill(server);
    await listens();
    await insertIsRun(worker);
  });

  test("22: a worker that starts while the server is away LISTENs once it is there", async () => {
    await server.kill();
    const worker = startWorker();
    await sleep(500);
    await server.start();
    await listens();
    await insertIsRun(worker);
  });

  test("22: while the server is away the loop backs off: few statements, few connects", async () => {
    const sent: SqlStatement[] = [];
    const worker = startWorker(sent);
    await listens();
    await server.kill();
    // postgres.js knocks without a pause at a port that opens and closes, whoever uses it: there it finds none.
    const port = driver === "pg" ? await countingPort(server.port) : undefined;
    const before = sent.length;
    worker.wake();
    await sleep(AWAY_MS);
    const statements = sent.length - before;
    await port?.[Symbol.asyncDispose]();
    await server.start();
    await listens();
    await insertIsRun(worker);
    console.log(
      `22, ${driver}: ${AWAY_MS} ms away: ${statements} statements, ${port?.connects ?? "?"} connects`,
    );
    // It has tried, and at most as its policies allow: a turn, a look for its lost pick-up, and LISTEN.
    expect(statements).toBeGreaterThan(1);
    expect(statements).toBeLessThanOrEqual(20);
    expect(port?.connects ?? 0).toBeLessThanOrEqual(25);
  });
});

/** Resolves once a worker's guard stands and its looks after that have ended: now only a NOTIFY moves it. */
async function listens(): Promise<void> {
  await expect.poll(guards, SOON).toBe(1);
}

function guards(): Promise<number> {
  return withClient(server.url, async (client) => {
    const { rows } = await client.query<{ n: number }>("SELECT count(*)::int AS n FROM public.jobs_waiting");
    return rows[0]?.n ?? 0;
  });
}

async function insertIsRun(worker: Worker): Promise<void> {
  const { done } = worker.counts;
  await withClient(server.url, (client) => client.query("INSERT INTO public.jobs (job_type) VALUES ('a')"));
  await expect.poll(() => worker.counts.done, SOON).toBe(done + 1);
}
