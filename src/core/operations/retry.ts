import type { SqlRow, SqlStatement } from "../executor.ts";
import type { TableNames } from "../sql/table-names.ts";
import { waitsUnpicked } from "../sql/waits-unpicked.ts";
import { cells } from "../job.ts";
import type { AnyStatus } from "../job.ts";

/** How a retry is to be made. */
export interface RetryOptions {
  /** Whether the job forgets what its steps have remembered, and begins anew. @default false: it goes on behind them */
  readonly fromStart?: boolean | undefined;
}

/** The names of a retry's options. */
export const RETRY_OPTIONS = { fromStart: true } as const satisfies Record<keyof RetryOptions, true>;

/** What a retry found. */
export interface Retried {
  /** Whether this call made the job READY. */
  readonly retried: boolean;
  /** The job's state now, or null where there is no such job. */
  readonly status: AnyStatus | null;
  /** The active job with the same dedupe key, or the waiting one with the same debounce key, where that is why the job stays FAILED. */
  readonly blockedBy?: string | undefined;
}

/**
 * `$1` id. Attempts begin anew, since a FAILED job has none left. Fails with 23505 where its key is taken in this very
 * moment.
 *
 * `held` waits for the transaction that is changing the job and then reads what became of it; the statement's snapshot is older.
 *
 * @param debounces whether the table has debounce keys, which those of older versions have not
 */
export const retryText = ({ jobs, steps }: TableNames, debounces = true, fromStart = false): string => `
WITH held AS MATERIALIZED (
  SELECT j.id, j.status, j.dedupe_key${debounces ? ", j.debounce_key" : ""} FROM ${jobs} j WHERE j.id = $1::text::int8 FOR NO KEY UPDATE
),
twin AS MATERIALIZED (
  (SELECT a.id FROM held h JOIN ${jobs} a ON a.dedupe_key = h.dedupe_key
    WHERE h.status = 'FAILED' AND a.status IN ('READY', 'RUNNING') LIMIT 1)${
      debounces
        ? `
  UNION ALL
  (SELECT a.id FROM held h JOIN ${jobs} a ON a.debounce_key = h.debounce_key
    WHERE h.status = 'FAILED' AND ${waitsUnpicked("a")} LIMIT 1)`
        : ""
    }
),
retried AS (
  UPDATE ${jobs} j
     SET status = 'READY', attempts = 0, released = 0, run_after = now(), finished_at = NULL, updated_at = now()${fromStart ? ", steps = NULL" : ""}
   WHERE j.id = (SELECT h.id FROM held h WHERE h.status = 'FAILED') AND NOT EXISTS (SELECT 1 FROM twin)
  RETURNING j.status${fromStart ? ", j.id" : ""}
)${
  fromStart
    ? `,
forgotten AS (
  DELETE FROM ${steps} s WHERE s.job_id = (SELECT r.id FROM retried r)
)`
    : ""
}
SELECT EXISTS (SELECT 1 FROM retried)::text AS retried,
       coalesce((SELECT r.status FROM retried r), (SELECT h.status FROM held h))::text AS status,
       (SELECT t.id FROM twin t LIMIT 1)::text AS blocked_by`;

/** Makes one FAILED job READY. */
export function retryStatement(text: string, id: string): SqlStatement {
  return { text, params: [id] };
}

/** Reads the one row. */
export function readRetried(rows: readonly SqlRow[]): Retried {
  const [retried, status, blockedBy] = cells(rows[0] ?? {});
  const found = { retried: retried === "true", status: status ?? null };
  return typeof blockedBy === "string" ? { ...found, blockedBy } : found;
}
