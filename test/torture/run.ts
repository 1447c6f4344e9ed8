import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

import { Accountant } from "./account.ts";
import { Chaos, type Fault } from "./chaos.ts";
import type { Condition } from "./conditions.ts";
import { accountRows, prepareDatabase, progress, readTriggers } from "./database.ts";
import { PRODUCERS, RUNNERS, Slot, startStandIn, type Origin } from "./fleet.ts";
import { LedgerView } from "./ledger-view.ts";
import { LedgerWriter, readLedger } from "./ledger.ts";
import { firstPickUps, recoveryTimes } from "./recovery.ts";
import { callRoll } from "./roll-call.ts";
import { accountTicks, stopSchedules } from "./schedules.ts";
import type { KillableServer } from "./server.ts";
import { SessionFaults } from "./session-faults.ts";
import { randomOf } from "./task.ts";
import { Watch, standstills, type DueStretch } from "./watch.ts";

/** What is asked of a run. */
export interface TortureOptions {
  readonly jobs: number;
  readonly faults: number;
  readonly seed: number;
  readonly folder: string;
  /** Faults; none means all. */
  readonly only: readonly Fault[];
  /** What does not stand through this run. */
  readonly without: readonly Condition[];
}

const FAULT_EVERY_MS = 1_050;
const PROGRESS_MS = 10_000;
/** How long nothing may end, after the last fault and the last enqueue: retries and leases end well within. */
const PATIENCE_MS = 60_000;

/** The whole run: the fleet at work, the faults, and the accounts. */
export async function torture(server: KillableServer, options: TortureOptions) {
  const { jobs, faults, seed, folder, only, without } = options;
  const startedAt = Date.now();
  await prepareDatabase(server.url, without);
  const [standIn, neonEndpoint] = await startStandIn(folder);
  const origin: Origin = { url: server.url, neonEndpoint, folder, seed, without };
  const fleet = [...RUNNERS, ...PRODUCERS].filter(({ of }) => of === undefined || !without.includes(of));
  const all = await Promise.all(
    fleet.map((member, index) => Slot.open(member, { ...origin, seed: seed + index })),
  );
  const slots = all.filter(({ member }) => member.role !== "producer");
  const producers = all.filter(({ member }) => member.role === "producer");
  const ledger = new LedgerWriter(folder, "conductor");
  const sessions = new SessionFaults(server.url);
  const chaos = new Chaos({ random: randomOf(seed), server, slots: all, ledger, sessions, only });
  const watch = new Watch(server.url, all, ledger);
  const shown = setInterval(() => {
    void show(server.url, chaos, startedAt);
  }, PROGRESS_MS);
  try {
    for (const slot of slots) slot.start();
    await Promise.all(slots.map(({ ready }) => ready));
    const seconds = Math.max(1, (faults * FAULT_EVERY_MS) / 1_000);
    const produced = producers.map(async (slot, index) => {
      const share = Math.floor((jobs + index) / producers.length);
      await once(slot.start({ jobs: share, rate: share / seconds }), "exit");
    });
    await Promise.all(producers.map(({ ready }) => ready));
    const random = randomOf(seed + 1_000);
    for (let fault = 0; fault < faults; fault += 1) {
      await pause(FAULT_EVERY_MS * (0.2 + 1.6 * random()));
      chaos.strike();
    }
    await chaos.settle();
    await Promise.all(produced);
    for (const slot of slots) slot.tell("enqueue no more");
    await stopSchedules(server.url);
    const workedMs = await untilTerminal(server.url, startedAt);
    const due = await watch.stop();
    await callRoll({ url: server.url, slots, ledger, sessions, after: !without.includes("lastFaults") });
    const respawns = slots.reduce((sum, slot) => sum + slot.respawns, 0);
    // What is still under way, the application's own enqueues among it, would be no finding.
    await Promise.all(all.map((slot) => slot.close()));
    return {
      ...(await account(server.url, folder, due)),
      chaos,
      workedMs,
      respawns,
      backends: watch.mostBackends,
    };
  } finally {
    clearInterval(shown);
    await watch.stop();
    await Promise.all(all.map((slot) => slot.close()));
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

async function account(url: string, folder: string, due: readonly DueStretch[]) {
  const ledger = new LedgerView();
  for await (const line of readLedger(folder)) ledger.add(line);
  for (const { from, until } of standstills(ledger, due))
    ledger.found.push({
      account: "standstills",
      id: String(from),
      why: `nothing started for ${until - from} ms`,
    });
  const triggers = await readTriggers(url, ledger);
  const ticks = await accountTicks(url, ledger);
  const accountant = new Accountant(ledger);
  await accountRows(url, accountant);
  const accounts = accountant.finish();
  const { rows } = await progress(url);
  return {
    accounts,
    findings: accountant.findings,
    rows,
    kinds: accountant.kinds,
    triggers,
    ticks,
    intents: ledger.intents.size,
    acknowledged: ledger.acknowledged.size,
    unknown: ledger.unknown,
    refused: ledger.refused.size,
    refusals: ledger.refusals,
    starts: [...ledger.starts.values()].reduce((sum, starts) => sum + starts.length, 0),
    starved: { seconds: Math.round(ledger.starvedMs / 1_000), excuses: ledger.excused },
    misnamed: [...ledger.misnamed.values()].reduce((sum, refused) => sum + refused, 0),
    recoveryMs: recoveryTimes(ledger),
    firstPickUpMs: firstPickUps(ledger),
  };
}
