import type { PickedUpJob } from "../../core/job.ts";
import type { JobRun } from "./run-job.ts";
import type { SharedSlot } from "./shared-slot.ts";

/** Where a handler has its {@link Gather}. A registered symbol, since an application may bundle pqrun twice. */
export const GATHER = Symbol.for("pqrun.gather");

/** What {@link Gather} asks of the slots. */
export interface GatherRoom {
  /** Takes up to `most` jobs of a type out of the buffer: those that may start, and beside others. */
  take(type: string, most: number): readonly PickedUpJob[];
  /** A run in the slot, not begun. */
  share(job: PickedUpJob, slot: SharedSlot<JobRun>): JobRun;
  /** Begins it soon. */
  begin(run: JobRun): void;
  /** Has up to `most` more jobs of a type picked up into the buffer, if there may be any, and calls `filled` in any case. */
  fill(type: string, most: number, filled: () => void): void;
}

/** Starts a job together with others of its type. */
export type Gather = (job: PickedUpJob, room: GatherRoom) => void;

/** The types whose jobs start together; undefined where there are none. */
export function gatheringTypes(
  handlers: ReadonlyMap<string, object>,
): ReadonlyMap<string, Gather> | undefined {
  const found = new Map<string, Gather>();
  for (const [type, handler] of handlers) {
    const { [GATHER]: gather } = handler as { readonly [GATHER]?: Gather };
    if (gather !== undefined) found.set(type, gather);
  }
  return found.size > 0 ? found : undefined;
}
