import { setTimeout as pause } from "node:timers/promises";

import type { Slot } from "./fleet.ts";
import type { LedgerWriter } from "./ledger.ts";
import type { KillableServer } from "./server.ts";
import { LEASE_MS } from "./task.ts";
import { withClient } from "../support/postgres.ts";

/** What is done to the fleet and its server, and how often each. */
export const FAULTS = {
  killProcess: 20,
  stopProcess: 15,
  resetConnections: 20,
  blackhole: 10,
  dropReplies: 10,
  terminateBackends: 17,
  killBackend: 4,
  killPostmaster: 4,
} as const;

/** One of {@link FAULTS}. */
export type Fault = keyof typeof FAULTS;

/** Commits faults, and writes each into the ledger. */
export class Chaos {
  readonly counts: Partial<Record<Fault, number>> = {};
  total = 0;
  readonly #random: () => number;
  readonly #server: KillableServer;
  readonly #slots: readonly Slot[];
  readonly #ledger: LedgerWriter;
  readonly #underWay = new Set<Promise<void>>();
  #restarted: Promise<void> = Promise.resolve();

  constructor(random: () => number, server: KillableServer, slots: readonly Slot[], ledger: LedgerWriter) {
    this.#random = random;
    this.#server = server;
    this.#slots = slots;
    this.#ledger = ledger;
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
    const entries = Object.entries(FAULTS) as [Fault, number][];
    let point = this.#random() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [fault, weight] of entries) {
      point -= weight;
      if (point < 0) return fault;
    }
    return "resetConnections";
  }

  async #commit(fault: Fault): Promise<void> {
    const at = Math.floor(this.#random() * this.#slots.length);
    const runners = this.#slots.filter(({ role }) => role !== "producer");
    const slot = this.#slots[at];
    const runner = runners[at % runners.length];
    const long = this.#random() < 0.3;
    const ms = Math.round(long ? LEASE_MS * (1 + this.#random()) : 200 + this.#random() * 1_500);
    if (slot === undefined || runner === undefined) return;
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
      case "terminateBackends":
      case "killBackend":
        await this.#backend(fault, slot.label);
        return;
      case "killPostmaster":
        await this.#restart();
        return;
      default:
        fault satisfies never;
    }
  }

  async #backend(fault: "terminateBackends" | "killBackend", label: string): Promise<void> {
    this.#hurt(fault, fault === "killBackend" ? null : label, 0);
    await withClient(this.#server.url, async (client) => {
      const clients =
        "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
      if (fault === "terminateBackends") {
        await client.query(`SELECT pg_terminate_backend(pid) ${clients} AND application_name = $1`, [label]);
        return;
      }
      const { rows } = await client.query<{ pid: number }>(`SELECT pid ${clients} ORDER BY random() LIMIT 1`);
      // The server's own end of this connection goes with all others.
      client.on("error", () => undefined);
      if (rows[0] !== undefined) process.kill(rows[0].pid, "SIGKILL");
    });
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
