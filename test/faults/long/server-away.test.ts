import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeEach, describe, expect, test } from "vitest";

import type { SqlStatement } from "../../../src/core/executor.ts";
import { countingPort } from "../../support/counting-port.ts";
import { FAULT_DRIVERS } from "../../support/fault-clients.ts";
import { insertIsRun, listens, startIdleWorker } from "../../support/idle-worker.ts";
import { killBackend, killServer, migratedServer } from "../../support/killed-server.ts";
import { withClient } from "../../support/postgres.ts";

const AWAY_MS = 3_000;

const server = await migratedServer();
afterAll(() => server[Symbol.asyncDispose]());

beforeEach(() => withClient(server.url, (client) => client.query("TRUNCATE public.jobs_waiting")));

describe.each(FAULT_DRIVERS)("over %s", (driver) => {
  test.each([
    ["one backend", killBackend],
    ["the postmaster", killServer],
  ])("22: after kill -9 of %s an idle worker is woken by NOTIFY again, not by its poll", async (_, kill) => {
    const worker = startIdleWorker(driver, server.url);
    await listens(server.url);
    await insertIsRun(server.url, worker);
    await kill(server);
    await listens(server.url);
    await insertIsRun(server.url, worker);
  });

  test("22: a worker that starts while the server is away LISTENs once it is there", async () => {
    await server.kill();
    const worker = startIdleWorker(driver, server.url);
    await sleep(500);
    await server.start();
    await listens(server.url);
    await insertIsRun(server.url, worker);
  });

  test("22: while the server is away the loop backs off: few statements, few connects", async () => {
    const sent: SqlStatement[] = [];
    const worker = startIdleWorker(driver, server.url, sent);
    await listens(server.url);
    await server.kill();
    // postgres.js knocks without a pause at a port that opens and closes, whatever uses it: there it finds none.
    const port = driver === "pg" ? await countingPort(server.port) : undefined;
    const before = sent.length;
    worker.wake();
    await sleep(AWAY_MS);
    const statements = sent.length - before;
    await port?.[Symbol.asyncDispose]();
    await server.start();
    await listens(server.url);
    await insertIsRun(server.url, worker);
    console.log(
      `22, ${driver}: ${AWAY_MS} ms away: ${statements} statements, ${port?.connects ?? "?"} connects`,
    );
    // It has tried, and at most as its policies allow: a turn, a look for its lost pick-up, and LISTEN.
    expect(statements).toBeGreaterThan(1);
    expect(statements).toBeLessThanOrEqual(20);
    expect(port?.connects ?? 0).toBeLessThanOrEqual(25);
  });
});
