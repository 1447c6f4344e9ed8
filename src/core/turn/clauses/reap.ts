import { REAPED, rowText } from "../answer-rows.ts";
import { arrayLiteral } from "../../sql/array-literal.ts";
import { REAP_LIMIT } from "../turn-request.ts";
import { keepingError } from "./attempt-errors.ts";
import { clause } from "./clause.ts";
import type { TurnVariant } from "./clause.ts";

/** How the error of an attempt begins that a reap ended. */
export const LEASE_LOST = "lease lost: ";

/**
 * Ends attempts whose lease is over: `expired` are their rows, locked as `settle` locks, and `reaped` are READY now, or
 * FAILED. What this very turn settles is left out by name.
 */
export const reap = clause({
  parameters: {
    /** Most jobs, 0 for none. */
    reapLimit: "int4",
    /** Seconds after which a row without a lease is lost, as the Python package has it. */
    staleSeconds: "float8",
    /** Ids that the caller is running, for it is alive to extend them; and those that the turn's scope is about. */
    knownIds: "int8[]",
  },
  encode: ({ reap: asked, running = [], pickUp }) => ({
    reapLimit: String(asked === undefined ? 0 : (asked.limit ?? REAP_LIMIT)),
    staleSeconds: String(asked?.defaultTimeoutSeconds ?? 0),
    knownIds: arrayLiteral([...running, ...(pickUp?.only ?? pickUp?.without ?? [])]),
  }),
  text: reapText,
  absent: "reaped AS (SELECT 0::int8 AS id, '' AS job_type, now() AS run_after, '' AS status WHERE false)",
});

function reapText({ names: { jobs, statusType }, errors }: TurnVariant): string {
  const lost = `'${LEASE_LOST}' || coalesce(j.locked_by, 'nobody') || ' neither settled nor extended it'`;
  return `expired AS MATERIALIZED (
  SELECT j.id
    FROM ${jobs} j
   WHERE j.status = 'RUNNING'
     AND CASE WHEN j.lease_holder = j.locked_by THEN j.lease_expires_at <= now()
              ELSE coalesce(j.locked_at, j.updated_at)
                   < now() - coalesce(j.timeout_seconds, :staleSeconds) * interval '1 s' END
     AND j.id NOT IN (SELECT id FROM input)
     AND j.id NOT IN (SELECT unnest(:knownIds))
   ORDER BY j.id
   LIMIT (SELECT :reapLimit)
     FOR NO KEY UPDATE SKIP LOCKED
),
reaped AS (
  UPDATE ${jobs} j
     SET status = CASE WHEN j.attempts < j.max_attempts THEN 'READY'::${statusType} ELSE 'FAILED'::${statusType} END,
         finished_at = CASE WHEN j.attempts >= j.max_attempts THEN now() END,
         last_error = ${lost},${errors ? `\n         ${keepingError("'lost'", lost, "NULL::int4", null)}` : ""}
         locked_at = NULL, locked_by = NULL, lease_expires_at = NULL, lease_holder = NULL,
         updated_at = now()
   WHERE j.id = ANY (ARRAY(SELECT id FROM expired))
  RETURNING j.id, j.job_type, j.status, j.run_after
)`;
}

export function reapedRowsText(): string {
  return `SELECT ${rowText("'reaped'", REAPED, { id: "id::text", type: "job_type", status: "status::text" })} FROM reaped`;
}
