import type { Html } from "./html.ts";
import { duration, exactly } from "./format.ts";
import type { Job } from "../core/job.ts";
import { tableOf } from "./table.ts";

/** An entry of the history of attempts, in a table that keeps one. */
interface AttemptError {
  readonly attempt: number;
  readonly at: Date;
  readonly worker: string | null;
  readonly durationMs: number | null;
  readonly kind: string;
  readonly error: string;
}

/** The attempts that did not succeed, newest first. */
export function attempts(job: Job): Html | string {
  const { errors = [] } = job as Job & { errors?: readonly AttemptError[] };
  if (errors.length === 0) return "";
  return tableOf(
    "Attempts that did not succeed, newest first, at most 10",
    ["Attempt", "When", "End", "After", "Worker", "Error"],
    [...errors]
      .reverse()
      .map(({ attempt, at, kind, durationMs, worker, error }) => [
        attempt,
        exactly(at),
        kind,
        duration(durationMs),
        worker ?? "–",
        error,
      ]),
  );
}
