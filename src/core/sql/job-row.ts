import { cells, dateOf, dateOrNull, isJobStatus, numberOrNull } from "../job.ts";
import type { Job } from "../job.ts";
import type { SqlRow } from "../executor.ts";
import { momentText } from "./moment-text.ts";

const moment = (column: string): string => momentText(`j.${column}`);

/** A whole row of `jobs j` as text, in the order that {@link readJob} expects. */
export const JOB_COLUMNS = `j.id::text AS a, j.job_type AS b, j.payload::text AS c, j.status::text AS d,
       j.priority::text AS e, j.attempts::text AS f, j.max_attempts::text AS g, ${moment("run_after")} AS h,
       j.timeout_seconds::text AS i, ${moment("locked_at")} AS j, j.locked_by AS k,
       ${moment("lease_expires_at")} AS l, j.dedupe_key AS m, j.last_error AS n, ${moment("finished_at")} AS o,
       j.duration_ms::text AS p, j.result::text AS q, ${moment("created_at")} AS r, ${moment("updated_at")} AS s`;

/** Reads {@link JOB_COLUMNS}. */
export function readJob(row: SqlRow): Job {
  const [id, type, payload, status, priority, attempts, maxAttempts, runAfter, timeout, ...rest] = cells(row);
  const [lockedAt, lockedBy, leaseEnd, dedupeKey, lastError, finishedAt, duration, result, created, updated] =
    rest;
  return {
    id: id ?? "",
    type: type ?? "",
    payload: parse(payload),
    status: isJobStatus(status) ? status : "READY",
    priority: Number(priority),
    attempts: Number(attempts),
    maxAttempts: Number(maxAttempts),
    runAfter: dateOf(runAfter),
    timeoutSeconds: numberOrNull(timeout),
    lockedAt: dateOrNull(lockedAt),
    lockedBy: lockedBy ?? null,
    leaseExpiresAt: dateOrNull(leaseEnd),
    dedupeKey: dedupeKey ?? null,
    lastError: lastError ?? null,
    finishedAt: dateOrNull(finishedAt),
    durationMs: numberOrNull(duration),
    result: parse(result),
    createdAt: dateOf(created),
    updatedAt: dateOf(updated),
  };
}

function parse(json: string | null | undefined): unknown {
  return json === null || json === undefined ? null : JSON.parse(json);
}
