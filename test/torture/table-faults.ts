import { setTimeout as pause } from "node:timers/promises";

import type { Client } from "pg";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { withClient } from "../support/postgres.ts";
import type { Slot } from "./fleet.ts";
import type { LedgerWriter } from "./ledger.ts";
import { LEASE_MS, oneOf } from "./task.ts";

/** Modes in which nobody who works waits for a lock. */
const HARMLESS = ["ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE"] as const;
/** And those in which everybody does. */
const HARMFUL = ["SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"] as const;
type Mode = (typeof HARMLESS | typeof HARMFUL)[number];

/** What takes such a lock in earnest, and half of the time does here. */
const TAKES: Partial<Record<Mode, string>> = {
  SHARE: "CREATE INDEX torture_index ON public.jobs (created_at)",
  "ACCESS EXCLUSIVE": "ALTER TABLE public.jobs ADD COLUMN torture_column int",
};
/** The longest that a turn is waited for, half a lease. A shorter lock costs nobody a lease. */
const TURN_MS = LEASE_MS / 2;
/** Within limits; beyond a turn's; and beyond a lease. */
const LENGTHS_MS = [
  [100, 1_000],
  [TURN_MS, LEASE_MS],
  [LEASE_MS, 4 * LEASE_MS],
] as const;
/** Between two locks, so that an attempt that begins after one is not explained by the next. */
const APART_MS = LEASE_MS + 1_500;
/** As the Python package cancels: a state and nothing else, whoever holds the job. */
const PYTHON_CANCELS = "UPDATE public.jobs SET status = 'CANCELLED', finished_at = now(), updated_at = now()";
const CANCELLABLE = `SELECT id FROM public.jobs
  WHERE status IN ('RUNNING', 'READY') AND job_type IN ('quick', 'slow', 'settle', 'refer', 'referSettle', 'hang')
    AND NOT payload ? 'deny'
  ORDER BY status DESC, random() LIMIT 5 FOR NO KEY UPDATE SKIP LOCKED`;

/** How the table was locked. */
export interface LockCounts {
  readonly modes: Partial<Record<Mode, number>>;
  beyondTurn: number;
  beyondLease: number;
  longestMs: number;
}

/** What befalls the table: others lock it, alter it, and cancel jobs in it. */
export class TableFaults {
  readonly locks: LockCounts = { modes: {}, beyondTurn: 0, beyondLease: 0, longestMs: 0 };
  cancelled = 0;
  readonly #url: string;
  readonly #random: () => number;
  readonly #slots: readonly Slot[];
  readonly #ledger: LedgerWriter;
  #last: Promise<void> = Promise.resolve();
  #isText = true;

  constructor(of: {
    readonly url: string;
    readonly random: () => number;
    readonly slots: readonly Slot[];
    readonly ledger: LedgerWriter;
  }) {
    this.#url = of.url;
    this.#random = of.random;
    this.#slots = of.slots;
    this.#ledger = of.ledger;
  }

  /** Locks the table in some mode for some time; half of the time requests to cancel a statement are lost meanwhile. */
  lock(): Promise<void> {
    const random = this.#random;
    const mode = random() < 0.25 ? oneOf<Mode>(random, HARMLESS) : oneOf<Mode>(random, HARMFUL);
    const [least, most] = oneOf<readonly [number, number]>(random, LENGTHS_MS);
    const ms = least + random() * (most - least);
    const statement = (random() < 0.5 ? TAKES[mode] : undefined) ?? `LOCK TABLE public.jobs IN ${mode} MODE`;
    const loses = random() < 0.5;
    return this.#inTurn(async (client) => {
      this.locks.modes[mode] = (this.locks.modes[mode] ?? 0) + 1;
      for (const { wire } of this.#slots) wire.losesCancels = loses;
      try {
        await client.query(`BEGIN; ${statement}`);
        await pause(ms);
        await client.query("ROLLBACK");
      } finally {
        for (const { wire } of this.#slots) wire.losesCancels = false;
      }
    }, isHarmful(mode));
  }

  /**
   * Changes a column's type while statements that return it are prepared, and back the next time: one that no trigger's
   * definition names, which PostgreSQL would refuse.
   */
  alter(): Promise<void> {
    return this.#inTurn(async (client) => {
      const type = this.#isText ? "varchar" : "text";
      this.#ledger.write({ k: "forgot", p: null, t: Date.now() });
      await client.query(`ALTER TABLE public.jobs ALTER COLUMN dedupe_key TYPE ${type}`);
      this.#isText = !this.#isText;
    }, true);
  }

  /** Cancels a few jobs, as the Python package does or as pqrun does. */
  async cancel(): Promise<void> {
    await withClient(this.#url, async (client) => {
      if (this.#random() < 0.5) {
        const { rowCount } = await client.query(
          `${PYTHON_CANCELS} WHERE id = ANY (ARRAY(${CANCELLABLE})) AND status IN ('READY', 'RUNNING')`,
        );
        this.cancelled += rowCount ?? 0;
        return;
      }
      const store = new PgJobStore(pgExecutor(client));
      const { rows } = await client.query<{ id: string }>(CANCELLABLE);
      for (const { id } of rows) this.cancelled += (await store.cancel(id)).cancelled ? 1 : 0;
    });
  }

  /**
   * One after the other. From the request on others queue up behind it, be it only that it waits for a handler's open
   * transaction.
   */
  #inTurn(work: (client: Client) => Promise<void>, harms: boolean): Promise<void> {
    const done = this.#last.then(async () => {
      const from = Date.now();
      await withClient(this.#url, work).finally(() => {
        if (harms) this.#held(from, Date.now());
      });
    });
    this.#last = done.catch(() => undefined).then(() => pause(APART_MS));
    return done;
  }

  #held(from: number, until: number): void {
    const ms = until - from;
    this.locks.longestMs = Math.max(this.locks.longestMs, ms);
    if (ms > TURN_MS) this.locks.beyondTurn += 1;
    if (ms > LEASE_MS) this.locks.beyondLease += 1;
    if (ms > TURN_MS) this.#ledger.write({ k: "hurt", why: "lockTable", p: null, t: from, until });
  }
}

function isHarmful(mode: Mode): boolean {
  return HARMFUL.some((harmful) => harmful === mode);
}
