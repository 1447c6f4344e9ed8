import type { JobContracts } from "./contract.ts";
import type { QueryOptions, SqlExecutor } from "./executor.ts";
import type { Fence, PickedUpJob } from "./job.ts";
import type { ExtendAnswer } from "./operations/extend.ts";
import type { PgJobStore } from "./store.ts";
import type { TurnAnswer } from "./turn/turn-answer.ts";
import type { TurnRequest } from "./turn/turn-request.ts";

/** What a runner asks of a store, one statement each. It follows pqrun's own runners, and changes with them. */
export interface RunnerStore {
  /**
   * One round trip: settles, reaps and picks up.
   *
   * @throws UnknownOutcomeError where no answer came: its settlements may be repeated, and its pick-up is to be looked for.
   */
  turn(request: TurnRequest, options?: QueryOptions): Promise<TurnAnswer>;
  /** Extends the leases of running jobs to `leaseMs` milliseconds from now. */
  extend(jobs: readonly Fence[], leaseMs: number, options?: QueryOptions): Promise<readonly ExtendAnswer[]>;
  /** The jobs of pick-ups whose answers were lost, by their `lockedBy`. */
  findPickUp(lockedBy: readonly string[], options?: QueryOptions): Promise<readonly PickedUpJob[]>;
  /** LISTENs through the store's driver; undefined where that can't. */
  readonly listen: SqlExecutor["listen"];
  /** The channel on which inserts notify waiting workers. */
  readonly channel: string;
}

/**
 * The runner's side of a store, for a runner of your own. A loop that picks up and settles needs none of it: see
 * `pickup`, `markDone` and `markError` of the store.
 *
 * ```ts
 * const { jobs } = await runnerStore(store).turn({
 *   pickUp: { types: ["embed"], slots: 10, lockedBy: `mine:${crypto.randomUUID()}`, leaseMs: 30_000 },
 * });
 * ```
 */
export function runnerStore<J extends JobContracts, Tx>(store: PgJobStore<J, Tx>): RunnerStore {
  return store;
}
