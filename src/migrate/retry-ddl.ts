import { setTimeout } from "node:timers/promises";

import { isPqrunError } from "../core/errors.ts";
import { sqlState } from "../core/sql/sql-state.ts";

/** How `migrate` waits and says what it does. */
export interface MigrateControls {
  /** Ends it; what was done until then stays, and the next call goes on from there. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Gets one line for each thing done or waited for.
   *
   * @default says nothing
   */
  readonly log?: ((line: string) => void) | undefined;
  /**
   * Waits that many milliseconds.
   *
   * @default a timer
   */
  readonly wait?: ((ms: number) => Promise<void>) | undefined;
}

/** Tries in about a minute of waiting, each of which may wait lock_wait besides. */
const TRIES = 40;
/** For what may as well be there to stay. */
const FEW_TRIES = 8;

/** What passes: another applier was quicker, or the table was busy. */
const PASSING: Readonly<Record<string, number>> = {
  "40001": TRIES, // could not serialize access: default_transaction_isolation is not read committed
  "40P01": TRIES, // deadlock: two built an index at once
  "55P03": TRIES, // lock_timeout: the table is busy
  "42701": FEW_TRIES, // the column exists already, and so on: another applier was quicker
  "42710": FEW_TRIES,
  "42723": FEW_TRIES,
  "42P06": FEW_TRIES,
  "42P07": FEW_TRIES,
  "23505": FEW_TRIES, // the same, seen by a catalog's unique index
  XX000: FEW_TRIES, // "tuple concurrently updated", "could not open relation"
};

/** Does `step` until it succeeds, or fails for a reason that stays. */
export async function persist<T>(step: () => Promise<T>, controls: MigrateControls): Promise<T> {
  const bear = patience(controls);
  for (;;) {
    controls.signal?.throwIfAborted();
    try {
      return await step();
    } catch (error) {
      await bear(error);
    }
  }
}

/** Waits after an error that passes, longer each time; throws any other, and one that came too often. */
export function patience(controls: MigrateControls): (error: unknown) => Promise<void> {
  let failures = 0;
  return async (error) => {
    controls.signal?.throwIfAborted();
    // What pqrun has judged already stays so, whatever the server's error behind it.
    if (isPqrunError(error, "table")) throw error;
    const state = sqlState(error) ?? "";
    failures += 1;
    if (failures >= (PASSING[state] ?? 0)) throw error;
    controls.log?.(`waiting: the table is busy (${state})`);
    await pause(Math.min(50 * 2 ** failures, 2_000), controls);
  };
}

/** Waits between half of `ms` and all of it, so that appliers who met once do not meet again. */
export async function pause(ms: number, { signal, wait }: MigrateControls): Promise<void> {
  const jittered = ms * (0.5 + Math.random() / 2);
  await (wait ? wait(jittered) : setTimeout(jittered, undefined, signal ? { signal } : {}));
  signal?.throwIfAborted();
}
