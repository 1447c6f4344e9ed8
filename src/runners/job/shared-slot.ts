import type { JobContracts } from "../../core/contract.ts";
import type { JobContext } from "./handler.ts";

/** Runs that share one slot. */
export interface SharedSlot<Run> {
  /** The handler of each of them. */
  handle(ctx: JobContext<JobContracts, string>, run: Run | undefined): Promise<unknown>;
  /** A run is to share the slot. @returns whether others are in it */
  enter(run: Run): boolean;
  /** A run has ended. @returns whether others are in it */
  leave(run: Run): boolean;
}
