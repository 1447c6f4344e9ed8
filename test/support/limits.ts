import type { JobContracts } from "../../src/index.ts";
import type { PickedUpJob } from "../../src/core/job.ts";
import type { PgJobStore } from "../../src/core/store.ts";
import type { RunnerStore } from "../../src/core/runner-store.ts";
import type { TurnAnswer } from "../../src/core/turn/turn-answer.ts";
import type { TurnRequest } from "../../src/core/turn/turn-request.ts";
import type { TestQueue } from "./queue.ts";

export type { JobContracts, PickedUpJob, TurnAnswer };

/** A store of a session of its own whose contracts limit types. */
export async function limitedStore(queue: TestQueue, jobs: JobContracts): Promise<PgJobStore> {
  return (await queue.session({ jobs: jobs as never })).store;
}

/** What a turn of a worker asks for, of type `a` unless it says otherwise; without slots it only settles. */
export interface TurnOptions {
  readonly types?: readonly string[];
  readonly slots?: number;
  readonly buffer?: number;
  readonly settlements?: readonly unknown[];
  readonly schedules?: boolean;
  readonly leaseMs?: number;
  readonly reap?: TurnRequest["reap"];
}

export function turnOf(store: PgJobStore, options: TurnOptions): Promise<TurnAnswer> {
  const {
    types = ["a"],
    slots = 0,
    buffer = 0,
    settlements = [],
    leaseMs = 30_000,
    schedules,
    reap,
  } = options;
  const pickUp = { types, slots, buffer, lockedBy: `w:${crypto.randomUUID()}`, leaseMs };
  const runner: RunnerStore = store;
  return runner.turn({
    settlements: settlements as NonNullable<TurnRequest["settlements"]>,
    ...(slots > 0 && { pickUp }),
    schedules,
    reap,
  });
}
