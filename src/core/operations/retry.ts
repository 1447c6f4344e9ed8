import type { SqlRow, SqlStatement } from "../executor.ts";
import type { TableNames } from "../sql/table-names.ts";
import { cells } from "../job.ts";
import type { AnyStatus } from "../job.ts";

/** What a retry found. */
export interface Retried {
  /** Whether this call made the job READY. */
  readonly retried: boolean;
  /** The job's state now, or null where there is no such job. */
  readonly status: AnyStatus | null;
}

/**
 * `$1` id. Attempts begin anew, since a FAILED job has none left. Fails with 23505 where its dedupe key is active.
 *
 * `held` waits for the transaction that is changing the job and then reads what became of it; the statement's snapshot is older.
 */
export const retryText = ({ jobs }: TableNames): string => `
WITH held AS MATERIALIZED (
  SELECT j.id, j.status FROM ${jobs} j WHERE j.id = $1::text::int8 FOR NO KEY UPDATE
),
retried AS (
  UPDATE ${jobs} j
     SET status = 'READY', attempts = 0, released = 0, run_after = now(), finished_at = NULL, updated_at = now()
   WHERE j.id = (SELECT h.id FROM held h WHERE h.status = 'FAILED')
  RETURNING j.status
)
SELECT EXISTS (SELECT 1 FROM retried)::text AS retried,
       coalesce((SELECT r.status FROM retried r), (SELECT h.status FROM held h))::text AS status`;

/** Makes one FAILED job READY. */
export function retryStatement(text: string, id: string): SqlStatement {
  return { text, params: [id] };
}

/** Reads the one row. */
export function readRetried(rows: readonly SqlRow[]): Retried {
  const [retried, status] = cells(rows[0] ?? {});
  return { retried: retried === "true", status: status ?? null };
}
