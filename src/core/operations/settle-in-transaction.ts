import type { SqlStatement } from "../executor.ts";
import type { TableNames } from "../sql/table-names.ts";
import type { Fence } from "../job.ts";
import { orFailText } from "../sql/lease-lost.ts";

/**
 * `$1` id, `$2` attempts, `$3` locked_by, `$4` result or null, `$5` duration in ms.
 *
 * Settles as DONE inside a transaction of the caller's, or makes it fail. In
 * contrast to the turn this waits for a row that is locked: the transaction is
 * the caller's, and has this one job.
 */
export const settleOrFailText = ({ jobs, steps }: TableNames, forgetsSteps = false): string => `
WITH settled AS (
  UPDATE ${jobs} j
     SET status = 'DONE', result = coalesce(nullif($4::text::jsonb, 'null'::jsonb), j.result), duration_ms = $5::text::int4, finished_at = now(),
         locked_at = NULL, lease_expires_at = NULL, lease_holder = NULL, updated_at = now()
   WHERE j.id = $1::text::int8
     AND j.status = 'RUNNING' AND j.attempts = $2::text::int4 AND j.locked_by = $3::text
  RETURNING j.id
)${
  forgetsSteps
    ? `,
forgotten AS (
  DELETE FROM ${steps} s WHERE s.job_id = (SELECT id FROM settled)
)`
    : ""
}
SELECT ${orFailText("$1::text")} AS settled
  FROM settled`;

/** The statement that settles `job` as DONE, or fails. */
export function settleOrFailStatement(
  text: string,
  job: Fence,
  resultText: string | null,
  durationMs: number,
): SqlStatement {
  const duration = String(Math.min(Math.max(0, Math.round(durationMs)), 2_147_483_647));
  return { text, params: [job.id, String(job.attempts), job.lockedBy, resultText, duration] };
}
