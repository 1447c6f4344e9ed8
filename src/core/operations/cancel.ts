import type { SqlRow, SqlStatement } from "../executor.ts";
import type { TableNames } from "../sql/table-names.ts";
import { cells } from "../job.ts";
import type { AnyStatus } from "../job.ts";

/** What a cancel found. */
export interface Cancelled {
  /** Whether this call cancelled the job. */
  readonly cancelled: boolean;
  /** The job's state now, or null where there is no such job. */
  readonly status: AnyStatus | null;
}

/**
 * `$1` id. A job that is finished stays as it is; a running handler learns of it when it next extends or settles.
 *
 * `held` waits for the transaction that is settling the job and then reads what became of it; the statement's snapshot is older.
 */
export const cancelText = ({ jobs }: TableNames): string => `
WITH held AS MATERIALIZED (
  SELECT j.id, j.status FROM ${jobs} j WHERE j.id = $1::text::int8 FOR NO KEY UPDATE
),
cancelled AS (
  UPDATE ${jobs} j
     SET status = 'CANCELLED', finished_at = now(), updated_at = now(),
         locked_at = NULL, locked_by = NULL, lease_expires_at = NULL, lease_holder = NULL
   WHERE j.id = (SELECT h.id FROM held h WHERE h.status IN ('READY', 'RUNNING'))
  RETURNING j.status
)
SELECT EXISTS (SELECT 1 FROM cancelled)::text AS cancelled,
       coalesce((SELECT c.status FROM cancelled c), (SELECT h.status FROM held h))::text AS status`;

/** Cancels one job. */
export function cancelStatement(text: string, id: string): SqlStatement {
  return { text, params: [id] };
}

/** Reads the one row. */
export function readCancelled(rows: readonly SqlRow[]): Cancelled {
  const [cancelled, status] = cells(rows[0] ?? {});
  return { cancelled: cancelled === "true", status: status ?? null };
}
