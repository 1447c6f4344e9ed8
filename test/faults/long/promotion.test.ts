import { setTimeout as sleep } from "node:timers/promises";

import { expect, test } from "vitest";

import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import { migrate } from "../../../src/migrate/migrate.ts";
import { postgresWithCron, testWithout } from "../../runtimes/debian-packages.ts";
import { FAULT_DRIVERS, faultClients } from "../../support/fault-clients.ts";
import { spread } from "../../support/fault-ledger.ts";
import { FaultRun } from "../../support/fault-run.ts";
import type { PostgresBinaries } from "../../support/postgres-embedded.ts";
import { withClient } from "../../support/postgres.ts";
import { replicatedServer } from "../../support/replicated-server.ts";

const PROMOTIONS = Number(process.env["FAULT_ROUNDS"] ?? 3);
/** A drain's lease outlives its budget by ten seconds, and a reap comes within two more. */
const LATE_MS = 15_000;

// The binaries from npm lack pg_basebackup.
const installed = postgresWithCron();
if (installed === undefined)
  testWithout("postgresql-15 postgresql-15-cron", "23: promotion of a synchronous replica");
else
  test.each(FAULT_DRIVERS)(
    `23: over %s, ${PROMOTIONS} promotions of a synchronous replica lose no acknowledged job, fail none, and sessions that are read-only are left`,
    (driver) => promoting(installed, driver),
  );

async function promoting(binaries: PostgresBinaries, driver: (typeof FAULT_DRIVERS)[number]): Promise<void> {
  await using server = await replicatedServer(binaries);
  await withClient(server.url, (client) => migrate(pgExecutor(client)));
  await using run = new FaultRun({ open: () => faultClients[driver](server.url, 6), paceMs: 2 }).start();
  const refused = (): number => run.errors.get("enqueue 25006") ?? 0;
  for (let round = 0; round < PROMOTIONS; round += 1) {
    await sleep(3_000);
    const over = run.ledger.fault();
    const before = refused();
    await server.failOver(
      round % 2 === 0 ? "kill" : "shutDown",
      () => expect.poll(refused, { timeout: 10_000, interval: 20 }).toBeGreaterThan(before),
      over,
    );
  }
  await sleep(3_000);
  const account = run.ledger.account(await run.finish(server.url), LATE_MS);
  const recoveries = run.ledger.recoveries();
  console.log(`23, ${driver}: first pick-up after promotion: ${spread(recoveries)}`);
  console.log(account, run.errors, run.events);
  expect(account).toMatchObject({ lost: [], unexpected: [], unexplained: [] });
  expect(account.acknowledged).toBeGreaterThan(100 * PROMOTIONS);
  expect(run.events.get("failed") ?? 0).toBe(0);
  expect(run.events.get("retried") ?? 0).toBe(0);
  expect(Math.max(...recoveries)).toBeLessThanOrEqual(2_000);
}
