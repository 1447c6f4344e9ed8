import { setTimeout as sleep } from "node:timers/promises";

import { expect, test } from "vitest";

import type { SqlStatement } from "../../src/core/executor.ts";
import { insertIsRun, listens, startIdleWorker } from "../support/idle-worker.ts";
import { killBackend, migratedServer } from "../support/killed-server.ts";

const AWAY_MS = 500;

// Over each driver, after kill -9 of the postmaster too, and with longer absences: test/faults/long.
test("22: an idle worker is woken by NOTIFY again after kill -9 of a backend and after an absence, in which it backs off", async () => {
  await using server = await migratedServer();
  const sent: SqlStatement[] = [];
  const worker = startIdleWorker("pg", server.url, sent);
  await listens(server.url);
  await killBackend(server);
  await listens(server.url);
  await insertIsRun(server.url, worker);
  await server.kill();
  const before = sent.length;
  worker.wake();
  await sleep(AWAY_MS);
  expect(sent.length - before).toBeGreaterThan(0);
  expect(sent.length - before).toBeLessThanOrEqual(10);
  await server.start();
  await listens(server.url);
  await insertIsRun(server.url, worker);
});
