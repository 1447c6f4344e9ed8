import { setTimeout as pause } from "node:timers/promises";

import type { Slot } from "./fleet.ts";
import type { LedgerWriter } from "./ledger.ts";
import type { KillableServer } from "./server.ts";
import type { SessionFaults } from "./session-faults.ts";
import { TableFaults } from "./table-faults.ts";
import { LEASE_MS, oneOf } from "./task.ts";

/** What is done to the fleet and its server, and how often each. */
export const FAULTS = {
  killProcess: 14,
  stopProcess: 10,
  resetConnections: 12,
  blackhole: 6,
  dropReplies: 6,
  delay: 6,
  stall: 14,
  terminateBackends: 10,
  killBackend: 3,
  killPostmaster: 3,
  lockTable: 12,
  alterColumn: 3,
  forgetStatements: 8,
  silenceListen: 6,
  truncateWaiting: 5,
  changeSettings: 5,
  cancelJobs: 5,
} as const;

/** One of {@link FAULTS}. */
export type Fault = keyof typeof FAULTS;

/** Whom a fault befalls, where not all: a runner, or a producer too. */
const FAULTS_OF: Partial<Record<Fault, "runner" | "any">> = {
  ...{ killProcess: "runner", stopProcess: "runner", stall: "runner", silenceListen: "runner" },
  ...{
    resetConnections: "any",
    blackhole: "any",
    dropReplies: "any",
    delay: "any",
    terminateBackends: "any",
  },
};
/** A round trip that stalls on its way there arrives while a pick-up by it is still looked for. */
const STALL_THERE_MS = 2_000;
const STALL_BACK_MS = 6_000;
const DELAY_MS = 100;

/** Commits faults, and writes into the ledger each that may cost a lease. */
export class Chaos {
  readonly counts: Partial<Record<Fault, number>> = {};
  total = 0;
  readonly tables: TableFaults;
  readonly #random: () => number;
  readonly #server: KillableServer;
  readonly #slots: readonly Slot[];
  readonly #ledger: LedgerWriter;
  readonly #sessions: SessionFaults;
  readonly #weights: readonly (readonly [Fault, number])[];
  readonly #underWay = new Set<Promise<void>>();
  #restarted: Promise<void> = Promise.resolve();

  constructor(of: {
    readonly random: () => number;
    readonly server: KillableServer;
    readonly slots: readonly Slot[];
    readonly ledger: LedgerWriter;
    readonly sessions: SessionFaults;
    /** Which faults, where not all. */
    readonly only: readonly Fault[];
  }) {
    this.#random = of.random;
    this.#server = of.server;
    this.#slots = of.slots;
    this.#ledger = of.ledger;
    this.#sessions = of.sessions;
    const all = Object.entries(FAULTS) as [Fault, number][];
    this.#weights = of.only.length === 0 ? all : all.filter(([fault]) => of.only.includes(fault));
    this.tables = new TableFaults({ ...of, url: of.server.url });
  }

  /** Begins a fault; several may be under way. */
  strike(): void {
    const fault = this.#choose();
    this.total += 1;
    this.counts[fault] = (this.counts[fault] ?? 0) + 1;
    const done: Promise<void> = this.#commit(fault)
      .catch((error: unknown) => {
        console.error(`${fault} failed:`, error instanceof Error ? error.message : error);
      })
      .finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  /** Waits for all that has begun. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay);
    for (const { proxy } of this.#slots) proxy.heal();
  }

  #choose(): Fault {
    let point = this.#random() * this.#weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [fault, weight] of this.#weights) {
      point -= weight;
      if (point < 0) return fault;
    }
    return "resetConnections";
  }

  async #commit(fault: Fault): Promise<void> {
    const random = this.#random;
    const at = Math.floor(random() * this.#slots.length);
    const runners = this.#slots.filter(({ member }) => member.role !== "producer");
    const slot = this.#slots[at];
    const runner = runners[at % runners.length];
    const long = random() < 0.3;
    const ms = Math.round(long ? LEASE_MS * (1 + random()) : 200 + random() * 1_500);
    if (slot === undefined || runner === undefined) return;
    const whose = FAULTS_OF[fault];
    const p = whose === undefined ? null : whose === "any" ? slot.label : runner.label;
    this.#ledger.write({ k: "seen", p, t: Date.now(), what: fault });
    switch (fault) {
      case "killProcess":
        this.#hurt(fault, runner.name, 0);
        runner.child?.kill("SIGKILL");
        return;
      case "stopProcess": {
        const { child, name } = runner;
        this.#hurt(fault, name, ms);
        child?.kill("SIGSTOP");
        await pause(ms);
        child?.kill("SIGCONT");
        return;
      }
      case "resetConnections":
        this.#hurt(fault, slot.label, 0);
        slot.proxy.resetAll();
        return;
      case "blackhole":
        this.#hurt(fault, slot.label, ms);
        slot.proxy.blackhole(ms);
        await pause(ms);
        return;
      case "dropReplies":
        this.#hurt(fault, slot.label, ms);
        slot.proxy.dropReplies(ms);
        await pause(ms);
        return;
      // What is slow, or stands still in one connection, costs nobody a lease: nothing of it is told to the ledger.
      case "delay":
        slot.proxy.delay(20 + random() * (DELAY_MS - 20), ms);
        await pause(ms);
        return;
      case "stall": {
        const there = random() < 0.5;
        const most = there ? STALL_THERE_MS : STALL_BACK_MS;
        runner.proxy.stallNext(there ? "toServer" : "toClient", 200 + random() * (most - 200));
        return;
      }
      case "terminateBackends":
        this.#hurt(fault, slot.label, 0);
        await this.#sessions.terminate(slot.label);
        return;
      case "killBackend":
        this.#hurt(fault, null, 0);
        await this.#sessions.killAny();
        return;
      case "killPostmaster":
        await this.#restart();
        return;
      case "lockTable":
        await this.tables.lock();
        return;
      case "alterColumn":
        await this.tables.alter();
        return;
      case "forgetStatements": {
        const naming = this.#slots.filter(({ member }) => member.prepare);
        const forgetful = naming[at % naming.length] ?? slot;
        this.#ledger.write({ k: "forgot", p: forgetful.label, t: Date.now() });
        forgetful.tell(oneOf(random, ["DISCARD ALL", "DEALLOCATE ALL"]));
        return;
      }
      case "silenceListen":
        runner.wire.silence();
        return;
      case "truncateWaiting":
        await this.#sessions.truncateWaiting();
        return;
      case "changeSettings":
        await this.#sessions.changeSettings(random);
        return;
      case "cancelJobs":
        await this.tables.cancel();
        return;
      default:
        fault satisfies never;
    }
  }

  /** One restart after the other. */
  #restart(): Promise<void> {
    this.#restarted = this.#restarted.then(async () => {
      const t = Date.now();
      await this.#server.killPostmaster();
      this.#ledger.write({ k: "hurt", why: "killPostmaster", p: null, t, until: Date.now() });
    });
    return this.#restarted;
  }

  #hurt(why: string, p: string | null, ms: number): void {
    this.#ledger.write({ k: "hurt", why, p, t: Date.now(), until: Date.now() + ms });
  }
}
