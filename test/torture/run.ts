import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

import { Accountant } from "./account.ts";
import { Chaos } from "./chaos.ts";
import { accountRows, prepareDatabase, progress } from "./database.ts";
import { Slot, startProcess, type Origin } from "./fleet.ts";
import { LedgerView } from "./ledger-view.ts";
import { LedgerWriter, readLedger } from "./ledger.ts";
import { firstPickUps, recoveryTimes } from "./recovery.ts";
import type { KillableServer } from "./server.ts";
import { DRIVERS, randomOf } from "./task.ts";

/** What is asked of a run. */
export interface TortureOptions {
  readonly jobs: number;
  readonly faults: number;
  readonly seed: number;
  readonly folder: string;
}

const FAULT_EVERY_MS = 1_050;
const PROGRESS_MS = 10_000;
/** How long nothing may end, after the last fault and the last enqueue: retries and leases end well within. */
const PATIENCE_MS = 60_000;
const FLEET = [
  ["worker-a", "worker", "pg"],
  ["worker-b", "worker", "postgres"],
  ["worker-c", "worker", "pg"],
  ["drain-a", "drain", "pg"],
  ["drain-b", "drain", "postgres"],
  ["drain-c", "drain", "neon"],
] as const;

/** The whole run: the fleet at work, the faults, and the accounts. */
export async function torture(server: KillableServer, options: TortureOptions) {
  const { jobs, faults, seed, folder } = options;
  const startedAt = Date.now();
  await prepareDatabase(server.url);
  const standIn = startProcess({
    ...{ role: "stand-in", name: "stand-in", driver: "pg", url: "", neonEndpoint: "" },
    ...{ folder, seed, jobs: 0, rate: 0 },
  });
  const [neonEndpoint] = (await once(standIn, "message")) as [string];
  const origin: Origin = { url: server.url, neonEndpoint, folder, seed };
  const slots = await Promise.all(
    FLEET.map(([label, role, driver]) => Slot.open(label, role, driver, origin)),
  );
  const producers = await Promise.all(
    DRIVERS.map((driver, index) =>
      Slot.open(`producer-${driver}`, "producer", driver, { ...origin, seed: seed + index }),
    ),
  );
  const chaos = new Chaos(
    randomOf(seed),
    server,
    [...slots, ...producers],
    new LedgerWriter(folder, "conductor"),
  );
  const shown = setInterval(() => {
    void show(server.url, chaos, startedAt);
  }, PROGRESS_MS);
  try {
    for (const slot of slots) slot.start();
    const seconds = Math.max(1, (faults * FAULT_EVERY_MS) / 1_000);
    const produced = producers.map(async (slot, index) => {
      const share = Math.floor((jobs + index) / producers.length);
      await once(slot.start({ jobs: share, rate: share / seconds }), "exit");
    });
    const random = randomOf(seed + 1_000);
    for (let fault = 0; fault < faults; fault += 1) {
      await pause(FAULT_EVERY_MS * (0.2 + 1.6 * random()));
      chaos.strike();
    }
    await chaos.settle();
    await Promise.all(produced);
    const workedMs = await untilTerminal(server.url, startedAt);
    const respawns = slots.reduce((sum, slot) => sum + slot.respawns, 0);
    return { ...(await account(server.url, folder)), chaos, workedMs, respawns };
  } finally {
    clearInterval(shown);
    await Promise.all([...slots, ...producers].map((slot) => slot.close()));
    standIn.kill("SIGKILL");
  }
}

async function show(url: string, { counts, total }: Chaos, startedAt: number): Promise<void> {
  // While the server is away there is nothing to show of it.
  const { rows, open } = await progress(url).catch(() => ({ rows: -1, open: 0 }));
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  const table = rows < 0 ? "server away" : `${rows} enqueued, ${rows - open} finished`;
  console.log(`${seconds} s: ${table}; ${total} faults ${JSON.stringify(counts)}`);
}

/** Until all is terminal, or nothing goes on: what a long run has left behind takes its time. */
async function untilTerminal(url: string, startedAt: number): Promise<number> {
  let least = Infinity;
  let end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const { open } = await progress(url).catch(() => ({ open: Infinity }));
    if (open === 0) break;
    if (open < least) end = Date.now() + PATIENCE_MS;
    least = Math.min(least, open);
    await pause(500);
  }
  return Date.now() - startedAt;
}

async function account(url: string, folder: string) {
  const ledger = new LedgerView();
  for await (const line of readLedger(folder)) ledger.add(line);
  const accountant = new Accountant(ledger);
  await accountRows(url, accountant);
  const accounts = accountant.finish();
  const { rows } = await progress(url);
  const starved = ledger.hurts.filter(({ why }) => why === "starved").length;
  return {
    accounts,
    findings: accountant.findings,
    rows,
    intents: ledger.intents.size,
    acknowledged: ledger.acknowledged.size,
    unknown: ledger.unknown,
    refused: ledger.refused.size,
    starts: [...ledger.starts.values()].reduce((sum, starts) => sum + starts.length, 0),
    starved,
    recoveryMs: recoveryTimes(ledger),
    firstPickUpMs: firstPickUps(ledger),
  };
}
