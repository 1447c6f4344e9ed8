import type { JobStatus } from "../../src/core/job.ts";

/** One row of the model: every column of the table. Times are in milliseconds, by the model's clock. */
export interface ModelJob {
  readonly id: string;
  readonly type: string;
  readonly payload: unknown;
  readonly status: JobStatus;
  readonly priority: number;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly released: number;
  readonly runAfter: number;
  readonly timeoutSeconds: number | null;
  readonly dedupeKey: string | null;
  readonly schedule: string | null;
  readonly scheduledFor: number | null;
  readonly lockedBy: string | null;
  readonly lockedAt: number | null;
  readonly leaseHolder: string | null;
  readonly leaseEnd: number | null;
  readonly lastError: string | null;
  readonly result: unknown;
  readonly durationMs: number | null;
  readonly finishedAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A job to enqueue. */
export interface ModelSpec {
  readonly type: string;
  readonly payload: { readonly n: number };
  readonly priority: number;
  readonly maxAttempts: number;
  readonly timeoutSeconds: number | null;
  readonly dedupeKey: string | null;
  /** From now; negative is past; null is now. */
  readonly dueInMs: number | null;
}

/** How an attempt ends. */
export type Ending =
  | { readonly outcome: "done"; readonly result: unknown; readonly note: string | null }
  | { readonly outcome: "retry"; readonly error: string; readonly dueInMs: number }
  | { readonly outcome: "fail"; readonly error: string }
  | { readonly outcome: "snooze"; readonly dueInMs: number }
  | { readonly outcome: "release" };

const RELEASED_TOO_OFTEN = "given back by shutdowns 10 times: from now on such an attempt counts";

/** What a settlement makes of a row: the attempt is over, but who held it stays, for a repetition to be known. */
export function settled(job: ModelJob, ending: Ending, durationMs: number | null, now: number): ModelJob {
  const over = { ...job, ...UNLEASED, durationMs, updatedAt: now };
  const givenBack = { ...over, status: "READY", attempts: job.attempts - 1 } as const;
  const failedAttempt =
    job.attempts < job.maxAttempts
      ? ({ ...over, status: "READY" } as const)
      : ({ ...over, status: "FAILED", finishedAt: now } as const);
  switch (ending.outcome) {
    case "done":
      return {
        ...over,
        status: "DONE",
        // None leaves what is there, as the Python package does.
        result: ending.result ?? job.result,
        lastError: ending.note ?? job.lastError,
        finishedAt: now,
      };
    case "fail":
      return { ...over, status: "FAILED", lastError: ending.error, finishedAt: now };
    case "retry":
      return { ...failedAttempt, lastError: ending.error, runAfter: now + ending.dueInMs };
    case "snooze":
      return { ...givenBack, runAfter: now + ending.dueInMs };
    case "release":
      return job.released < 10
        ? { ...givenBack, released: job.released + 1 }
        : { ...failedAttempt, lastError: RELEASED_TOO_OFTEN };
  }
}

/** A row that nobody holds a lease of. */
export const UNLEASED = { lockedAt: null, leaseHolder: null, leaseEnd: null } as const;

/** Whether the lease rule, and not the Python package's, says how long this row may stand. */
export function isLeased(job: ModelJob): boolean {
  return job.leaseHolder !== null && job.leaseHolder === job.lockedBy;
}
