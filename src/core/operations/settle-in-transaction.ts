import { LeaseLostError, isPqrunError } from "../errors.ts";
import type { SqlStatement } from "../executor.ts";
import type { TableNames } from "../sql/table-names.ts";
import type { Fence } from "../job.ts";
import { layers } from "../sql/sql-state.ts";

/** The mark by which the failure of {@link settleOrFailText} is known. */
const LOST = "pqrun: lease lost";
/** Not the mark alone: query builders tell the statement's text in every error of theirs. */
const LOST_JOB = new RegExp(`${LOST}, job -?\\d`);

/**
 * `$1` id, `$2` attempts, `$3` locked_by, `$4` result or null, `$5` duration in ms.
 *
 * Settles as DONE inside a transaction of the caller's, or makes it fail: a
 * list of statements (Neon HTTP) can't look at an answer and roll back. SQL has
 * no RAISE outside a function, but a text that is no number can't be cast; the
 * text comes from a row, or the planner would cast it before anything ran. In
 * contrast to the turn this waits for a row that is locked: the transaction is
 * the caller's, and has this one job.
 */
export const settleOrFailText = ({ jobs }: TableNames): string => `
WITH settled AS (
  UPDATE ${jobs} j
     SET status = 'DONE', result = coalesce(nullif($4::text::jsonb, 'null'::jsonb), j.result), duration_ms = $5::text::int4, finished_at = now(),
         locked_at = NULL, lease_expires_at = NULL, lease_holder = NULL, updated_at = now()
   WHERE j.id = $1::text::int8
     AND j.status = 'RUNNING' AND j.attempts = $2::text::int4 AND j.locked_by = $3::text
  RETURNING j.id
)
SELECT (CASE WHEN count(*) = 1 THEN '1' ELSE '${LOST}, job ' || coalesce(max(id)::text, $1::text) END)::int4::text AS settled
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

/**
 * Whether `error` says that an attempt no longer holds its job, and that nothing of its transaction was written: a
 * LeaseLostError, or what a driver or an ORM makes of a list with `settleStatement` in it, such as Neon's `transaction`
 * and Drizzle's `batch`.
 */
export function isLeaseLost(error: unknown): boolean {
  for (const layer of layers(error)) {
    if (isPqrunError(layer, "lease-lost") || LOST_JOB.test(String(layer["message"]))) return true;
  }
  return false;
}

/** `error` as LeaseLostError, if it is the failure of {@link settleOrFailText}. */
export function asLeaseLost(error: unknown, jobId: string): unknown {
  return isLeaseLost(error) ? new LeaseLostError(jobId, { cause: error }) : error;
}
