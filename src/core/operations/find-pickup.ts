import type { SqlRow, SqlStatement } from "../executor.ts";
import { momentText } from "../sql/moment-text.ts";
import { newerColumn } from "../sql/newer-column.ts";
import type { TableNames } from "../sql/table-names.ts";
import { readAttemptErrors } from "../values/attempt-error.ts";
import { readHeaders } from "../values/headers.ts";
import { NEVER_CACHED, cells, dateOf, dateOrNull, numberOrNull } from "../job.ts";
import type { PickedUpJob } from "../job.ts";

/** `$1` the nonces (`locked_by`) of pick-ups whose answers were lost, a JSON list. Reads the index of RUNNING rows. */
export const findPickUpText = ({ jobs }: TableNames): string => `
${NEVER_CACHED}
SELECT j.id::text AS a, j.job_type AS b, j.payload::text AS c, j.attempts::text AS d, j.max_attempts::text AS e,
       j.locked_by AS f, j.priority::text AS g, ${momentText("j.run_after")} AS h,
       j.timeout_seconds::text AS i, j.dedupe_key AS j, ${momentText("j.created_at")} AS k,
       ${newerColumn("schedule")} AS l, ${newerColumn("scheduled_for", momentText)} AS m,
       ${newerColumn("errors", (name) => `${name}::text`)} AS n, ${newerColumn("headers", (name) => `${name}::text`)} AS o
  FROM ${jobs} j
 WHERE j.status = 'RUNNING'
   AND j.locked_by = ANY (ARRAY(SELECT value FROM json_array_elements_text($1::text::json)))
 ORDER BY j.priority DESC, j.run_after, j.id`;

/** Looks for the jobs of pick-ups whose answers were lost: they are this worker's all the same. */
export function findPickUpStatement(text: string, lockedBy: readonly string[]): SqlStatement {
  return { text, params: [JSON.stringify(lockedBy)] };
}

/** The jobs found. */
export function readFoundPickUp(rows: readonly SqlRow[]): readonly PickedUpJob[] {
  return rows
    .map(cells)
    .map(
      ([id, type, payload, attempts, max, lockedBy, priority, runAfter, timeout, key, created, ...tick]) => ({
        id: id ?? "",
        type: type ?? "",
        payloadText: payload ?? "null",
        attempts: Number(attempts),
        maxAttempts: Number(max),
        lockedBy: lockedBy ?? "",
        priority: Number(priority),
        runAfter: dateOf(runAfter),
        timeoutSeconds: numberOrNull(timeout),
        dedupeKey: key ?? null,
        schedule: tick[0] ?? null,
        scheduledFor: dateOrNull(tick[1]),
        errors: readAttemptErrors(tick[2]),
        headers: readHeaders(tick[3]),
        createdAt: dateOf(created),
        // How its last attempt ended is no longer in the row: suspicion costs less than neighbours.
        alone: Number(attempts) > 1,
      }),
    );
}
