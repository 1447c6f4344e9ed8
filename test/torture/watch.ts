/** What is looked at while the run goes on: backends, whether work goes on, and whether the machine has time for it. */
import type { Client } from "pg";

import { withClient } from "../support/postgres.ts";
import type { Slot } from "./fleet.ts";
import type { LedgerWriter } from "./ledger.ts";
import { STARVED, type LedgerView } from "./ledger-view.ts";

/** One backend of a client's. */
export interface Backend {
  readonly name: string;
  /** The port from which its client, a proxy, has connected. */
  readonly port: number;
}

/** What a process may have. */
export interface Limit {
  readonly name: string;
  readonly most: number;
  /** Ports of connections that the network has cut: their backends are nobody's doing. */
  readonly severed: ReadonlySet<number>;
}

const LOOK_MS = 500;
/** A server that answers the least question so late has no time for anybody. */
const STARVED_MS = 800;
/** A backend whose client has gone takes a moment to go too. */
const LOOKS = 6;

/** Whether a process has more backends than its pool has connections, for so many looks one after the other. */
export class BackendCount {
  readonly #over = new Map<string, number>();
  /** The most that each process had in a row of looks. */
  readonly #least = new Map<string, number>();

  /** @returns the processes that have been over their limit for long enough, each once, and by how many */
  look(
    backends: readonly Backend[],
    limits: readonly Limit[],
  ): readonly { readonly name: string; readonly has: number; readonly most: number }[] {
    return limits.flatMap(({ name, most, severed }) => {
      const has = backends.filter((one) => one.name === name && !severed.has(one.port)).length;
      const before = this.#over.get(name) ?? 0;
      this.#over.set(name, has > most ? before + 1 : 0);
      this.#least.set(name, before === 0 ? has : Math.min(has, this.#least.get(name) ?? has));
      return has > most && before + 1 === LOOKS ? [{ name, has: this.#least.get(name) ?? has, most }] : [];
    });
  }

  /** Looks that fail tell nothing. */
  forget(): void {
    this.#over.clear();
  }
}

/** A stretch of time in which something was due at each look. */
export interface DueStretch {
  readonly from: number;
  readonly until: number;
}

/** How long nothing may start while something is due: above all faults of the run. */
const STANDSTILL_MS = 20_000;

/** Times in which jobs were due and none started. */
export function standstills(ledger: LedgerView, due: readonly DueStretch[]): readonly DueStretch[] {
  const starts = [...ledger.starts.values()].flatMap((list) => list.map(({ at }) => at));
  starts.sort((one, other) => one - other);
  return due.flatMap(({ from, until }) => {
    const within = [from, ...starts.filter((at) => at > from && at < until), until];
    return within.flatMap((at, index) => {
      const next = within[index + 1] ?? at;
      return next - at > STANDSTILL_MS ? [{ from: at, until: next }] : [];
    });
  });
}

/** Something that has been due for a while, and that no trigger refuses. */
const IS_DUE = `SELECT EXISTS (SELECT FROM public.jobs
  WHERE status = 'READY' AND run_after < now() - interval '1 s' AND NOT payload ? 'deny') AS due`;
const BACKENDS = `SELECT application_name AS name, client_port AS port FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND client_port > 0`;

/** Looks at the server until it is stopped. */
export class Watch {
  /** The most backends at a look. */
  mostBackends = 0;
  readonly #stretches: DueStretch[] = [];
  #since: number | undefined;
  #stopped = false;
  readonly #count = new BackendCount();
  readonly #slots: readonly Slot[];
  readonly #ledger: LedgerWriter;
  readonly #looking: Promise<unknown>;

  constructor(url: string, slots: readonly Slot[], ledger: LedgerWriter) {
    this.#slots = slots;
    this.#ledger = ledger;
    // Apart, since the table may be locked.
    this.#looking = Promise.all([
      this.#again(url, async (client) => {
        await this.#pulse(client);
        this.#backends((await client.query<Backend>(BACKENDS)).rows);
      }),
      this.#again(url, async (client) => {
        const { rows } = await client.query<{ due: boolean }>(IS_DUE);
        this.#due(rows[0]?.due === true);
      }),
    ]);
  }

  /** @returns when something was due all the time */
  async stop(): Promise<readonly DueStretch[]> {
    this.#stopped = true;
    await this.#looking;
    this.#due(false);
    return this.#stretches;
  }

  async #again(url: string, look: (client: Client) => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      try {
        await withClient(url, async (client) => {
          while (!this.#stopped) {
            await look(client);
            await pause(LOOK_MS);
          }
        });
      } catch {
        // The server is away, and so is all that was known.
        this.#count.forget();
        this.#due(false);
        await pause(LOOK_MS);
      }
    }
  }

  /** Locks keep nobody from this. */
  async #pulse(client: Client): Promise<void> {
    const t = Date.now();
    await client.query("SELECT 1");
    const until = Date.now();
    if (until - t > STARVED_MS) this.#ledger.write({ k: "hurt", why: STARVED, p: null, t, until });
  }

  #backends(backends: readonly Backend[]): void {
    this.mostBackends = Math.max(this.mostBackends, backends.length);
    const limits = this.#slots.map(({ name, backends: most, proxy }) => ({
      ...{ name, most, severed: proxy.severed },
    }));
    for (const { name, has, most } of this.#count.look(backends, limits))
      this.#ledger.write({
        ...{ k: "found", account: "beyondPool", id: name },
        why: `${has} backends for ${LOOKS} looks, and ${most} connections`,
      });
  }

  #due(isDue: boolean): void {
    const now = Date.now();
    if (isDue) this.#since ??= now;
    else if (this.#since !== undefined) {
      this.#stretches.push({ from: this.#since, until: now });
      this.#since = undefined;
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
