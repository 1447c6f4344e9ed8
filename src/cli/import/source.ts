import type { TableNames } from "../../core/sql/table-names.ts";

/** Another queue, whose waiting jobs can be moved here. */
export interface ImportSource {
  /** Where it keeps its jobs, unless it was told otherwise. */
  readonly schema: string;
  /** Counts, as one row `{ count }`, what would be moved. */
  count(schema: string): string;
  /**
   * The statement that moves them: each job is deleted there and inserted here, or neither. It returns one row with
   * their count, as text.
   */
  move(schema: string, names: TableNames): string;
  /** What stays there: each as a number, and what it is, in one row each. */
  left(schema: string): string;
  /** What doesn't carry over, in a line each. */
  readonly notes: readonly string[];
}

/**
 * Inserts what `source` has under the columns of a job and `key`. Of several with one key, and where a job here is active
 * with it, one has it: here a key is one active job's, and elsewhere it need not be.
 */
export function insertOnce(names: TableNames, moved: string, source: string): string {
  return `${moved},
mapped AS MATERIALIZED (${source}),
keyed AS (
  SELECT m.*, row_number() OVER (PARTITION BY m.key ORDER BY m.run_after, m.created_at) AS nth,
         EXISTS (SELECT FROM ${names.jobs} j WHERE j.dedupe_key = m.key AND j.status IN ('READY', 'RUNNING')) AS taken
    FROM mapped m),
inserted AS (
  INSERT INTO ${names.jobs} (job_type, payload, priority, run_after, max_attempts, timeout_seconds, dedupe_key, created_at)
  SELECT k.job_type, k.payload, k.priority, k.run_after, k.max_attempts, k.timeout_seconds,
         CASE WHEN k.nth = 1 AND NOT k.taken THEN k.key END, k.created_at
    FROM keyed k
   ORDER BY k.run_after, k.created_at
  RETURNING 1)
SELECT count(*)::text AS moved FROM inserted`;
}
