import { expect, test } from "vitest";

import { FAULT_DRIVERS, faultClients } from "../support/fault-clients.ts";
import { FaultRun } from "../support/fault-run.ts";
import { timed } from "../support/machine-time.ts";
import { withClient } from "../support/postgres.ts";
import { killBackend, killServer, migratedServer } from "../support/killed-server.ts";

// Every 5 s, with drains and for minutes: test/faults/long. A drain's leases would outlive this test.
test.each(FAULT_DRIVERS)(
  "22: over %s, kill -9 of a backend and of the postmaster loses no acknowledged job, and work goes on within 2 s",
  async (driver) => {
    await using server = await migratedServer();
    await using run = new FaultRun({
      open: () => faultClients[driver](server.url, 6),
      drains: 0,
      paceMs: 2,
    }).start();
    for (const kill of [killBackend, killServer]) {
      const { acknowledged } = run.ledger;
      await expect
        .poll(() => run.ledger.acknowledged, { timeout: 100_000 })
        .toBeGreaterThan(acknowledged + 100);
      const over = run.ledger.fault();
      await kill(server);
      over();
      await withClient(server.url, async (client) => {
        const rows = async (text: string): Promise<Record<string, unknown>[]> =>
          (await client.query<Record<string, unknown>>(text)).rows;
        const slowest = (): number => Math.max(...run.ledger.recoveries());
        const { lostMs } = await timed({ rows }, () => expect.poll(slowest).toBeLessThan(Infinity));
        expect(slowest() - lostMs).toBeLessThan(2_000);
      });
    }
    const account = run.ledger.account(await run.finish(server.url), 1_000);
    expect(account).toMatchObject({ lost: [], unexpected: [], unexplained: [] });
  },
);
