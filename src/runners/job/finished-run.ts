import type { PickedUpJob } from "../../core/job.ts";
import type { Settlement } from "../../core/turn/settlement.ts";
import type { AbortReason } from "./handler.ts";

/** The end of a run. A class for the reason that `PickedUpJobRow` is one. */
export class FinishedRun<S extends Settlement | null = Settlement | null> {
  readonly job: PickedUpJob;
  /** What to write; null where the lease is gone or is to run out. */
  readonly settlement: S;
  readonly reason: AbortReason | undefined;
  /** What the handler threw, if it did. */
  readonly error: unknown;

  constructor(job: PickedUpJob, settlement: S, reason?: AbortReason, error?: unknown) {
    this.job = job;
    this.settlement = settlement;
    this.reason = reason;
    this.error = error;
  }

  /** The same end, to be settled otherwise. */
  withSettlement<T extends Settlement>(settlement: T): FinishedRun<T> {
    return new FinishedRun(this.job, settlement, this.reason, this.error);
  }
}
