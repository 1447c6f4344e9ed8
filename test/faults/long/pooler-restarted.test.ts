import { setTimeout as sleep } from "node:timers/promises";

import { expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import { migrate } from "../../../src/migrate/migrate.ts";
import { pgbouncerProgram, testWithout } from "../../runtimes/debian-packages.ts";
import { pgbouncerVersion, startPgBouncer } from "../../runtimes/pgbouncer.ts";
import { FAULT_DRIVERS, faultClients } from "../../support/fault-clients.ts";
import { spread } from "../../support/fault-ledger.ts";
import { FaultRun } from "../../support/fault-run.ts";
import { freshDatabase, withClient } from "../../support/postgres.ts";

const ROUNDS = Number(process.env["FAULT_ROUNDS"] ?? 6);
/** A drain's lease outlives its budget by ten seconds, and a reap comes within two more. */
const LATE_MS = 15_000;

const program = pgbouncerProgram();
if (program === undefined) testWithout("pgbouncer", "26: a pooler restarted mid-run");
else {
  test.each(FAULT_DRIVERS)(
    `26: over %s and PgBouncer ${pgbouncerVersion(program)}, killed and started again ${ROUNDS} times, nothing is lost, and nothing starts again without a fault between`,
    (driver) => restarting(program, driver),
  );
}

async function restarting(pgbouncer: string, driver: (typeof FAULT_DRIVERS)[number]): Promise<void> {
  await using database = await freshDatabase();
  await withClient(database.url, (client) => migrate(pgExecutor(client)));
  // Fewer sessions than callers: statements wait in the pooler when it goes.
  const pooler = await startPgBouncer(pgbouncer, 4);
  onTestFinished(() => pooler.stop());
  const url = pooler.through(database.url);
  await using run = new FaultRun({ open: () => faultClients[driver](url, 6), paceMs: 2 }).start();
  for (let round = 0; round < ROUNDS; round += 1) {
    await sleep(3_000);
    const over = run.ledger.fault();
    await pooler.restart();
    over();
  }
  await sleep(3_000);
  const account = run.ledger.account(await run.finish(database.url), LATE_MS);
  const recoveries = run.ledger.recoveries();
  console.log(`26, ${driver}: first pick-up after a restart: ${spread(recoveries)}`);
  console.log(account, run.errors, run.events);
  expect(account).toMatchObject({ lost: [], unexpected: [], unexplained: [] });
  expect(account.acknowledged).toBeGreaterThan(50 * ROUNDS);
  expect(Math.max(...recoveries)).toBeLessThanOrEqual(2_000);
}
