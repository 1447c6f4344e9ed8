import type { Fence, JobStatus } from "../job.ts";

/** How an attempt may end. */
export const OUTCOMES = ["done", "retry", "fail", "snooze", "release"] as const;

/** One of {@link OUTCOMES}. */
export type Outcome = (typeof OUTCOMES)[number];

/** When a job is due again: milliseconds from now by the database's clock, or a moment. */
export type Due = number | Date;

/** The end of one attempt, to be written if its lease is still held. */
export type Settlement = {
  readonly job: Fence;
  /** How long the handler ran, in milliseconds; null where it did not start. */
  readonly durationMs: number | null;
} & (
  | {
      /** DONE. */
      readonly outcome: "done";
      /** JSON text that jsonb takes, or null. */
      readonly resultText: string | null;
      /** Why the handler's result is not there, for `last_error`. */
      readonly note?: string | undefined;
      /** Whether the row goes, and the result and the note with it; `already` where it is gone. @default false */
      readonly remove?: boolean | undefined;
      /** Deletes the steps that the job has remembered. @default false */
      readonly forgetsSteps?: boolean | undefined;
    }
  /** READY again, or FAILED where no attempt is left. */
  | {
      readonly outcome: "retry";
      readonly error: string;
      readonly due: Due;
      /** How the attempt ended, for the history. @default "failed" */
      readonly kind?: "timeout" | "deadline" | "lost" | undefined;
    }
  /** FAILED, whatever attempts are left. */
  | { readonly outcome: "fail"; readonly error: string }
  /** READY at a later time, the attempt given back. */
  | {
      readonly outcome: "snooze";
      readonly due: Due;
      /** Whether the job goes on behind what it has remembered, and was not put off by its handler. @default false */
      readonly continues?: boolean | undefined;
    }
  /** READY at once, the attempt given back, at most ten times per job. */
  | { readonly outcome: "release" }
);

/**
 * What became of a settlement: `settled`; `already`, when it had been settled
 * before (an answer was lost, or the handler did it in a transaction of its
 * own); `lost` or `cancelled`, when the lease is gone and nothing was written;
 * `busy`, when somebody else has the row locked just now: try again.
 */
export const VERDICTS = ["settled", "already", "lost", "cancelled", "busy"] as const;

/** One of {@link VERDICTS}. */
export type Verdict = (typeof VERDICTS)[number];

/** The answer to one settlement. */
export interface SettlementAnswer {
  readonly id: string;
  readonly lockedBy: string;
  readonly verdict: Verdict;
  /** The state that was written, where the verdict is `settled`; the one that the job is in, where it is `already`; or null. */
  readonly status: JobStatus | null;
}

/** A settlement is found again in the answers by its job and its pick-up. */
export function settlementKey({ id, lockedBy }: Pick<Fence, "id" | "lockedBy">): string {
  return `${id} ${lockedBy}`;
}
