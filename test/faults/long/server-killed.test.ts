import { setTimeout as sleep } from "node:timers/promises";

import { expect, test } from "vitest";

import { FAULT_DRIVERS, faultClients } from "../../support/fault-clients.ts";
import { spread } from "../../support/fault-ledger.ts";
import { FaultRun } from "../../support/fault-run.ts";
import { killBackend, killServer, migratedServer } from "../../support/killed-server.ts";

const ROUNDS = Number(process.env["FAULT_ROUNDS"] ?? 12);
/** A drain's lease outlives its budget by ten seconds, and a reap comes within two more. */
const LATE_MS = 15_000;

test.each(
  FAULT_DRIVERS.flatMap((driver) => [
    { driver, what: "one backend", kill: killBackend },
    { driver, what: "the postmaster", kill: killServer },
  ]),
)(
  "22: over $driver, kill -9 of $what every 5 s loses no acknowledged job, and work goes on within 2 s",
  async ({ driver, what, kill }) => {
    await using server = await migratedServer();
    await using run = new FaultRun({ open: () => faultClients[driver](server.url, 6), paceMs: 2 }).start();
    for (let round = 0; round < ROUNDS; round += 1) {
      await sleep(round === 0 ? 2_000 : 5_000);
      const over = run.ledger.fault();
      await kill(server);
      over();
    }
    await sleep(3_000);
    const account = run.ledger.account(await run.finish(server.url), LATE_MS);
    const recoveries = run.ledger.recoveries();
    console.log(`22, ${driver}, ${what}: first pick-up after recovery: ${spread(recoveries)}`);
    console.log(account, run.errors, run.events);
    expect(account).toMatchObject({ lost: [], unexpected: [], unexplained: [] });
    expect(account.acknowledged).toBeGreaterThan(100 * ROUNDS);
    expect(Math.max(...recoveries)).toBeLessThanOrEqual(2_000);
  },
);
