import { backoffPolicy } from "../delay-policies.ts";
import { isPqrunError } from "../errors.ts";
import { errorText } from "../values/error-text.ts";
import type { Due, Settlement } from "./settlement.ts";

/** How a failed attempt is to be settled. */
export interface MarkErrorOptions {
  /** When the job is due again: milliseconds from now by the database's clock, or a moment. @default the backoff policy's */
  readonly due?: Due | undefined;
  /** Whether the job is FAILED now, whatever attempts it has left. @default false */
  readonly terminal?: boolean | undefined;
}

/** What a settlement has beside its job. */
type Failure = Settlement extends infer S
  ? S extends Settlement
    ? Omit<S, "job" | "durationMs">
    : never
  : never;

/** The settlement that a failure calls for in a loop of the caller's own, as it does in a runner. */
export function failureOf(error: unknown, attempts: number, how: Due | MarkErrorOptions): Failure {
  const { due, terminal }: MarkErrorOptions =
    typeof how === "number" || how instanceof Date ? { due: how } : how;
  if (terminal === true || isPqrunError(error, "non-retriable")) {
    return { outcome: "fail", error: errorText(error) };
  }
  if (isPqrunError(error, "snooze")) return { outcome: "snooze", due: due ?? error.when };
  const asked = isPqrunError(error, "retry-after") ? error.when : backoffPolicy().delayMs(attempts);
  return { outcome: "retry", error: errorText(error), due: due ?? asked };
}
