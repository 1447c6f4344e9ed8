import { JOB, rowText } from "../answer-rows.ts";
import { USUAL } from "../../job.ts";
import { momentText } from "../../sql/moment-text.ts";
import { newerColumn } from "../../sql/newer-column.ts";
import { clause } from "./clause.ts";
import type { TurnVariant } from "./clause.ts";

/** Takes what was chosen: `picked` run now, and `exhausted` are FAILED, since they had no attempt left. */
export const take = clause({
  parameters: {
    /** `locked_by` of this pick-up, with its nonce. */
    lockedBy: "text",
    leaseMs: "float8",
    /** Seconds of a handler without `timeout_seconds`, if that also bounds the lease; or null. */
    timeoutSeconds: "float8",
    /** Added to the lease after both bounds. */
    marginMs: "float8",
  },
  encode: ({ pickUp }) => ({
    lockedBy: pickUp?.lockedBy ?? null,
    leaseMs: String(pickUp?.leaseMs ?? 0),
    timeoutSeconds: pickUp?.timeoutSeconds === undefined ? null : String(pickUp.timeoutSeconds),
    marginMs: String(pickUp?.marginMs ?? 0),
  }),
  text: takeText,
});

function takeText({ names: { jobs }, schedules, errors, headers, limits }: TurnVariant): string {
  // What was put aside is due when it was before; and what is counted has a key, be it none.
  const counted =
    limits === "kept"
      ? `
         run_after = least(j.run_after, j.due_at), due_at = NULL,
         concurrency_key = CASE WHEN j.job_type = ANY (ARRAY(SELECT job_type FROM limited)) THEN coalesce(j.concurrency_key, '') ELSE j.concurrency_key END,`
      : "";
  const back = limits === "kept" ? ` run_after = least(j.run_after, j.due_at), due_at = NULL,` : "";
  const history = errors ? "j.errors" : `${newerColumn("errors")} AS errors`;
  const beside = headers ? "j.headers" : `${newerColumn("headers")} AS headers`;
  const tick = schedules
    ? "j.schedule, j.scheduled_for"
    : `${newerColumn("schedule")} AS schedule, ${newerColumn("scheduled_for")} AS scheduled_for`;
  return `lease AS (
  SELECT now() + (:leaseMs + :marginMs) * interval '1 ms' AS longest
),
picked AS (
  UPDATE ${jobs} j
     SET status = 'RUNNING', attempts = j.attempts + 1, locked_by = :lockedBy, locked_at = now(),
         lease_holder = :lockedBy,
         lease_expires_at = CASE
           WHEN :timeoutSeconds IS NULL THEN (SELECT longest FROM lease)
           ELSE least((SELECT longest FROM lease),
                      now() + coalesce(j.timeout_seconds, :timeoutSeconds) * interval '1 s'
                            + :marginMs * interval '1 ms')
         END,
         finished_at = NULL, duration_ms = NULL,${counted} updated_at = now()
   WHERE j.id = ANY (ARRAY(SELECT id FROM ranked WHERE chosen AND runs))
  RETURNING j.id, j.job_type, j.payload, j.status, j.attempts, j.max_attempts, j.priority, j.run_after, j.timeout_seconds,
            j.dedupe_key, j.created_at, ${tick}, ${history}, ${beside}
),
exhausted AS (
  UPDATE ${jobs} j
     SET status = 'FAILED', locked_by = NULL, locked_at = NULL, lease_holder = NULL, lease_expires_at = NULL,
         finished_at = now(),
         last_error = coalesce(j.last_error, 'no attempt left: ' || j.attempts || ' of ' || j.max_attempts),
         duration_ms = NULL,${back} updated_at = now()
   WHERE j.id = ANY (ARRAY(SELECT id FROM ranked WHERE chosen AND NOT runs))
  RETURNING j.id, j.job_type, j.payload, j.status, j.attempts, j.max_attempts, j.priority, j.run_after, j.timeout_seconds,
            j.dedupe_key, j.created_at, ${tick}, ${history}, ${beside}
)`;
}

/** Of what was picked up. The caller sorts them, and what most jobs have is left out: each value costs both sides. */
export function jobRowsText(): string {
  const columns = rowText(
    `CASE WHEN p.status = 'FAILED' THEN 'exhausted' WHEN EXISTS (SELECT 1 FROM ranked WHERE chosen AND alone) THEN 'alone' ELSE 'job' END`,
    JOB,
    {
      id: "p.id::text",
      type: "p.job_type",
      payload: "p.payload::text",
      attempts: `CASE WHEN p.attempts <> ${USUAL.attempts} THEN concat_ws(' ', p.attempts, p.errors) END`,
      maxAttempts: `nullif(p.max_attempts, ${USUAL.maxAttempts})::text`,
      priority: `nullif(p.priority, ${USUAL.priority})::text`,
      runAfter: momentText("p.run_after"),
      timeoutSeconds:
        "CASE WHEN p.headers IS NULL THEN p.timeout_seconds::text ELSE concat(p.timeout_seconds, ' ', p.headers) END",
      dedupeKey: "p.dedupe_key",
      created: `CASE WHEN p.schedule IS NOT NULL THEN concat(${momentText("p.created_at")}, ' ', ${momentText("p.scheduled_for")}, ' ', p.schedule)
            WHEN p.created_at <> p.run_after THEN ${momentText("p.created_at")} END`,
    },
    true,
  );
  return `SELECT ${columns}
  FROM (SELECT * FROM picked UNION ALL SELECT * FROM exhausted) p`;
}
