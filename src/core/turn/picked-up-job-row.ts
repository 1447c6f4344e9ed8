import { JOB, kindOf } from "./answer-rows.ts";
import { NO_ERRORS, readAttemptErrors } from "../values/attempt-error.ts";
import type { AttemptError } from "../values/attempt-error.ts";
import { NO_HEADERS, readHeaders } from "../values/headers.ts";
import type { JobHeaders } from "../values/headers.ts";
import { USUAL, dateOf, numberOrNull } from "../job.ts";
import type { Cells, PickedUpJob } from "../job.ts";

/**
 * A job as a turn hands it out, read from its row.
 *
 * A class, as all is that a runner makes for each job and holds for a while. Where a literal is written, V8 counts how many
 * of its objects outlive a collection, and where most do it makes the next ones as old from the beginning. A buffer's jobs
 * do at first, while the young generation is still small; and what was made old goes, with all that it refers to, only
 * when the whole heap is collected (measured: 250 MB instead of 160 for a worker that drains a backlog).
 */
export class PickedUpJobRow implements PickedUpJob {
  readonly id: string;
  readonly type: string;
  readonly payloadText: string;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly lockedBy: string;
  readonly priority: number;
  readonly runAfter: Date;
  readonly timeoutSeconds: number | null;
  readonly dedupeKey: string | null;
  readonly schedule: string | null;
  readonly scheduledFor: Date | null;
  readonly createdAt: Date;
  readonly errors: readonly AttemptError[];
  readonly headers: JobHeaders;
  readonly alone: boolean;

  /** @param row of kind `job` or `alone`, of {@link JOB}'s columns */
  constructor(row: Cells, lockedBy: string) {
    const attempts = row[JOB.attempts];
    const runAfter = row[JOB.runAfter];
    const created = row[JOB.created];
    this.id = row[JOB.id] ?? "";
    this.type = row[JOB.type] ?? "";
    this.payloadText = row[JOB.payload] ?? "null";
    // Only what comes again has a history, which stands behind that number.
    this.attempts = Number.parseInt(attempts ?? String(USUAL.attempts), 10);
    this.errors =
      attempts?.includes(" ") === true ? readAttemptErrors(attempts.slice(attempts.indexOf(" "))) : NO_ERRORS;
    this.maxAttempts = Number(row[JOB.maxAttempts] ?? USUAL.maxAttempts);
    this.lockedBy = lockedBy;
    this.priority = priorityOf(row);
    this.runAfter = dateOf(runAfter);
    const timeout = row[JOB.timeoutSeconds];
    // Few have headers, which stand behind that number, if there is one.
    const headersAt = timeout?.indexOf(" ") ?? -1;
    const seconds = headersAt < 0 ? timeout : timeout?.slice(0, headersAt);
    this.timeoutSeconds = seconds === "" ? null : numberOrNull(seconds);
    this.headers = headersAt < 0 ? NO_HEADERS : readHeaders(timeout?.slice(headersAt + 1));
    this.dedupeKey = row[JOB.dedupeKey] ?? null;
    // Most are due from the beginning, which is told once, and no schedule has made them.
    const tick = created?.includes(" ") === true ? readTick(created) : undefined;
    this.schedule = tick?.schedule ?? null;
    this.scheduledFor = tick?.scheduledFor ?? null;
    this.createdAt = dateOf(tick?.created ?? created ?? runAfter);
    this.alone = kindOf(row) === "alone";
  }
}

/** When it was created, its tick, and the schedule's name, which may have any characters. */
function readTick(text: string): {
  readonly created: string | undefined;
  readonly scheduledFor: Date | null;
  readonly schedule: string;
} {
  const [created, tick, ...schedule] = text.split(" ");
  // What SQL has inserted may have a schedule and no tick.
  return { created, scheduledFor: tick === "" ? null : dateOf(tick), schedule: schedule.join(" ") };
}

/** The priority of a job's row. */
export function priorityOf(row: Cells): number {
  return Number(row[JOB.priority] ?? USUAL.priority);
}
