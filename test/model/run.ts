import fc from "fast-check";

import { World, type Command } from "./command.ts";
import { extend, markDone, markError, release, settleIn } from "./commands/attempt.ts";
import { enqueueSkipped, refer, refersNoMore } from "./commands/application.ts";
import { enqueue, enqueueMany } from "./commands/enqueue.ts";
import { cancel, edit, prune, retry } from "./commands/operator.ts";
import { pythonCancel, pythonDone, pythonError, pythonPickUp, pythonReap } from "./commands/python.ts";
import { findPickUp, get, list, stats } from "./commands/reads.ts";
import { pauseSchedule, schedule, tick, unschedule } from "./commands/schedules.ts";
import { pass } from "./commands/time.ts";
import { pickUp, reap, refusedPickUp, settle, turn } from "./commands/turn.ts";
import type { RealQueue } from "./real-queue.ts";
import { nothingMet, type Met } from "./tally.ts";

/** How often each kind comes. */
const KINDS: readonly (readonly [number, { readonly commands: fc.Arbitrary<Command> }])[] = [
  [10, enqueue],
  [5, enqueueMany],
  [12, pickUp],
  [12, turn],
  [10, settle],
  [8, pass],
  [5, reap],
  [5, extend],
  [4, cancel],
  [4, retry],
  [3, prune],
  [2, edit],
  [2, markDone],
  [2, markError],
  [2, release],
  [3, settleIn],
  [2, pythonPickUp],
  [1, pythonCancel],
  [1, pythonDone],
  [1, pythonError],
  [1, pythonReap],
  [2, refer],
  [1, refersNoMore],
  [1, enqueueSkipped],
  [2, refusedPickUp],
  [1, get],
  [1, list],
  [1, stats],
  [1, findPickUp],
  [3, schedule],
  [1, unschedule],
  [1, pauseSchedule],
  [5, tick],
];

/** What a model run may be told. */
export interface RunOptions {
  readonly seed: number;
  readonly runs: number;
  /** Most commands of one run. */
  readonly maxCommands: number;
  /** Where a failed run is to be taken up again, as its report says. */
  readonly path?: string | undefined;
  readonly replayPath?: string | undefined;
  /** Where to count what it meets. */
  readonly met?: Met | undefined;
}

/** What became of it; the report tells the seed, the path and the shrunk commands. */
export interface RunOutcome {
  readonly failed: boolean;
  readonly report: string;
}

/** Commands of any kind and input against the model and the store at once. */
export async function modelRun(
  real: RealQueue,
  { seed, runs, maxCommands, path, replayPath, met = nothingMet() }: RunOptions,
): Promise<RunOutcome> {
  const any = fc.oneof(...KINDS.map(([weight, { commands }]) => ({ weight, arbitrary: commands })));
  const sequences = fc.commands<World, RealQueue, boolean>([any], {
    maxCommands,
    size: "max",
    ...(replayPath === undefined ? {} : { replayPath }),
  });
  const property = fc.asyncProperty(sequences, async (commands) => {
    await real.empty();
    await fc.asyncModelRun(() => ({ model: new World(met), real }), commands);
  });
  const details = await fc.check(property, {
    includeErrorInReport: true,
    seed,
    numRuns: runs,
    ...(path === undefined ? {} : { path }),
  });
  return { failed: details.failed, report: details.failed ? (fc.defaultReportMessage(details) ?? "") : "" };
}
