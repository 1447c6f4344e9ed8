import { cells, dateOf, dateOrNull, numberOrNull } from "../job.ts";
import type { Job } from "../job.ts";
import type { SqlRow } from "../executor.ts";
import { momentText } from "./moment-text.ts";
import { newerColumn } from "./newer-column.ts";
import { readAttemptErrors } from "../values/attempt-error.ts";
import { readHeaders } from "../values/headers.ts";
import { parsePayload } from "../values/parse-payload.ts";

const moment = (column: string): string => momentText(`j.${column}`);

/** A whole row of `jobs j` as text, in the order that {@link readJob} expects. */
export const JOB_COLUMNS = `j.id::text AS a, j.job_type AS b, j.payload::text AS c, j.status::text AS d,
       j.priority::text AS e, j.attempts::text AS f, j.max_attempts::text AS g, ${moment("run_after")} AS h,
       j.timeout_seconds::text AS i, ${moment("locked_at")} AS j, j.locked_by AS k,
       ${moment("lease_expires_at")} AS l, j.dedupe_key AS m, j.last_error AS n, ${moment("finished_at")} AS o,
       j.duration_ms::text AS p, j.result::text AS q, ${moment("created_at")} AS r, ${moment("updated_at")} AS s,
       ${newerColumn("schedule")} AS t, ${newerColumn("scheduled_for", momentText)} AS u,
       ${newerColumn("errors", (name) => `${name}::text`)} AS v, ${newerColumn("headers", (name) => `${name}::text`)} AS w`;

/** Reads a JSON text: the store's `parse`. */
export type ReadJson = (text: string) => unknown;

/** Reads {@link JOB_COLUMNS}. */
export async function readJob(row: SqlRow, parse: ReadJson): Promise<Job> {
  const [id, type, payload, status, priority, attempts, maxAttempts, runAfter, timeout, ...rest] = cells(row);
  const [lockedAt, lockedBy, leaseEnd, dedupeKey, lastError, finishedAt, duration, result, ...last] = rest;
  const [created, updated, schedule, scheduledFor, errors, headers] = last;
  return {
    id: id ?? "",
    type: type ?? "",
    payload: await valueOf(payload, parse),
    payloadText: payload ?? "null",
    status: status ?? "READY",
    priority: Number(priority),
    attempts: Number(attempts),
    maxAttempts: Number(maxAttempts),
    runAfter: dateOf(runAfter),
    timeoutSeconds: numberOrNull(timeout),
    lockedAt: dateOrNull(lockedAt),
    lockedBy: lockedBy ?? null,
    leaseExpiresAt: dateOrNull(leaseEnd),
    dedupeKey: dedupeKey ?? null,
    schedule: schedule ?? null,
    scheduledFor: dateOrNull(scheduledFor),
    lastError: lastError ?? null,
    errors: readAttemptErrors(errors),
    headers: readHeaders(headers),
    finishedAt: dateOrNull(finishedAt),
    durationMs: numberOrNull(duration),
    result: await valueOf(result, parse),
    resultText: result ?? null,
    createdAt: dateOf(created),
    updatedAt: dateOf(updated),
  };
}

/** What the application's own `parse` refuses is read as usual; what would be rounded is given as it is written. */
async function valueOf(json: string | null | undefined, own: ReadJson): Promise<unknown> {
  if (json === null || json === undefined) return null;
  for (const parse of [own, parsePayload]) {
    try {
      return await parse(json);
    } catch {
      // The next one may read it.
    }
  }
  return json;
}
