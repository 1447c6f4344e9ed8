import type { Html } from "./html.ts";
import { duration, exactly } from "./format.ts";
import type { Job } from "../core/job.ts";
import { tableOf } from "./table.ts";

/** The attempts that did not succeed, newest first. */
export function attempts({ errors }: Job): Html | string {
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
