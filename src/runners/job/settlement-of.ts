import { errorText } from "../../core/values/error-text.ts";
import { isPqrunError } from "../../core/errors.ts";
import type { PickedUpJob } from "../../core/job.ts";
import type { BackoffPolicy } from "../../core/delay-policies.ts";
import type { Settlement } from "../../core/turn/settlement.ts";
import type { AbortReason } from "./handler.ts";
import type { JobAbortedError } from "./job-aborted.ts";

/** How a handler ended: it returned, it threw, its payload never reached it, or it was given up on. */
export type HandlerResult =
  | { readonly kind: "returned"; readonly resultText: string | null; readonly note?: string | undefined }
  | { readonly kind: "threw"; readonly error: unknown }
  | { readonly kind: "refused"; readonly error: unknown }
  | { readonly kind: "given-up" };

/** What {@link settlementOf} has to know beside the result. */
export interface RunFacts {
  readonly job: PickedUpJob;
  /** Null where the handler did not start. */
  readonly durationMs: number | null;
  /** Why the handler's signal aborted, if it did. */
  readonly reason: AbortReason | undefined;
  /** The reason as the signal has it. */
  readonly aborted: JobAbortedError | undefined;
  /** Whether the handler settled in a transaction of its own, which may or may not have been committed. */
  readonly settledItself: boolean;
  /** Whether the job's row goes when it is done. */
  readonly remove: boolean;
  readonly timeoutMs: number;
  readonly backoff: BackoffPolicy;
  readonly redact: ((text: string) => string) | undefined;
}

type Failed = (error: unknown, kind?: "timeout" | "deadline" | "lost") => Settlement;

/**
 * The settlement that a result calls for; null where there is none to write:
 * the lease is gone, or it is to run out.
 */
export function settlementOf(result: HandlerResult, facts: RunFacts): Settlement | null {
  const { job, durationMs, settledItself, backoff, redact } = facts;
  const failed: Failed = (error, kind) => {
    const due = isPqrunError(error, "retry-after") ? error.when : backoff.delayMs(job.attempts);
    const settlement = { job, durationMs, outcome: "retry", error: errorText(error, redact), due } as const;
    return kind === undefined ? settlement : { ...settlement, kind };
  };
  switch (result.kind) {
    case "returned":
      // Repeated here, the settlement's verdict is "already" if the handler's own transaction was committed.
      if (settledItself) return failed(new Error("the settlement was not committed"));
      return new Done(job, durationMs, result.resultText, result.note, facts.remove);
    case "refused":
      return { job, durationMs, outcome: "fail", error: errorText(result.error, redact) };
    case "threw":
      return threw(result.error, facts, failed);
    case "given-up":
      return cutShort(facts, failed);
  }
}

/** A class for the reason that `PickedUpJobRow` is one. */
class Done {
  readonly outcome = "done";
  readonly job: PickedUpJob;
  readonly durationMs: number | null;
  readonly resultText: string | null;
  readonly note: string | undefined;
  readonly remove: boolean;

  constructor(
    job: PickedUpJob,
    durationMs: number | null,
    resultText: string | null,
    note: string | undefined,
    remove: boolean,
  ) {
    this.job = job;
    this.durationMs = durationMs;
    this.resultText = resultText;
    this.note = note;
    this.remove = remove;
  }
}

function threw(error: unknown, facts: RunFacts, failed: Failed): Settlement | null {
  const { job, durationMs, reason, redact } = facts;
  if (isPqrunError(error, "non-retriable"))
    return { job, durationMs, outcome: "fail", error: errorText(error, redact) };
  if (isPqrunError(error, "snooze")) return { job, durationMs, outcome: "snooze", due: error.when };
  if (isPqrunError(error, "retry-after") || reason === undefined) return failed(error);
  // A deploy is not the job's fault.
  if (reason === "shutdown") return { job, durationMs, outcome: "release" };
  return cutShort(facts, failed, error);
}

/** The handler's signal aborted: what it threw on the way is only the cause. */
function cutShort(
  { job, durationMs, reason, aborted, settledItself, timeoutMs }: RunFacts,
  failed: Failed,
  cause?: unknown,
): Settlement | null {
  // The reason itself, thrown by `signal.throwIfAborted()`, adds nothing.
  const options = cause === undefined || cause === aborted ? {} : { cause };
  switch (reason) {
    case "timeout":
      return failed(new Error(`timed out after ${timeoutMs / 1000} s`, options), reason);
    case "deadline":
      return failed(new Error("cut short: the drain's budget was spent", options), reason);
    case "lost":
      // By this worker's own clock; the fence decides whether it really is.
      return failed(new Error("the lease was not extended in time", options), reason);
    case "shutdown":
    case undefined:
      // A handler that has settled itself keeps no lease: by the verdict "already" it is done, and otherwise it has ended nothing.
      return settledItself ? { job, durationMs, outcome: "release" } : null;
    case "cancelled":
      return null;
  }
}
