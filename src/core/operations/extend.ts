import type { SqlRow, SqlStatement } from "../executor.ts";
import type { TableNames } from "../sql/table-names.ts";
import { cells } from "../job.ts";
import type { Fence } from "../job.ts";

/**
 * What became of one extension. `already` means that this very attempt is DONE: its handler settled it in a transaction
 * of its own; `busy`, that somebody has the row locked just now: try again.
 */
export type ExtendVerdict = "extended" | "already" | "lost" | "cancelled" | "busy";

const VERDICTS: ReadonlySet<string> = new Set<ExtendVerdict>(["extended", "already", "cancelled", "busy"]);

/** The answer for one job. */
export interface ExtendAnswer {
  readonly id: string;
  readonly lockedBy: string;
  readonly verdict: ExtendVerdict;
}

/**
 * `$1` fences `[{i, a, l}]`, `$2` lease in ms.
 *
 * `locked_at` moves with the lease, so the Python package's reaper honours it.
 * No indexed column changes: the update is HOT. Neither goes back: an extension
 * that was given up, and waited for a lock, may be carried out after a later one.
 */
export const extendText = ({ jobs }: TableNames): string => `
WITH input AS MATERIALIZED (
  SELECT x.i AS id, x.a AS attempts, x.l AS locked_by
    FROM json_to_recordset($1::text::json) AS x(i int8, a int4, l text)
),
held AS MATERIALIZED (
  SELECT j.id
    FROM ${jobs} j
   WHERE j.id = ANY (ARRAY(SELECT id FROM input))
     AND CASE WHEN j.status = 'RUNNING' THEN true END
   ORDER BY j.id
     FOR NO KEY UPDATE SKIP LOCKED
),
extended AS (
  UPDATE ${jobs} j
     SET locked_at = greatest(j.locked_at, now()), lease_holder = j.locked_by,
         lease_expires_at = greatest(j.lease_expires_at, now() + $2::text::float8 * interval '1 ms')
    FROM input x
   WHERE j.id = ANY (ARRAY(SELECT id FROM held))
     AND j.id = x.id
     AND CASE WHEN j.status = 'RUNNING' AND j.attempts = x.attempts AND j.locked_by = x.locked_by THEN true END
  RETURNING j.id, j.locked_by
)
SELECT x.id::text AS id, x.locked_by AS holder,
       CASE WHEN e.id IS NOT NULL THEN 'extended' ELSE coalesce((
         SELECT CASE WHEN j.status = 'RUNNING' AND j.attempts = x.attempts AND j.locked_by = x.locked_by THEN 'busy'
                     WHEN j.status = 'CANCELLED' THEN 'cancelled'
                     WHEN j.status = 'DONE' AND j.locked_by = x.locked_by THEN 'already'
                     ELSE 'lost' END
           FROM ${jobs} j WHERE j.id = x.id), 'lost') END AS verdict
  FROM input x LEFT JOIN extended e ON e.id = x.id AND e.locked_by = x.locked_by`;

/** Extends the leases of all of a worker's running jobs at once. */
export function extendStatement(text: string, jobs: readonly Fence[], leaseMs: number): SqlStatement {
  const fences = jobs.map(({ id, attempts, lockedBy }) => ({ i: id, a: attempts, l: lockedBy }));
  return { text, params: [JSON.stringify(fences), String(leaseMs)] };
}

/** One answer for each job, in no particular order. */
export function readExtend(rows: readonly SqlRow[]): readonly ExtendAnswer[] {
  return rows.map(cells).map(([id, lockedBy, verdict]) => ({
    id: id ?? "",
    lockedBy: lockedBy ?? "",
    verdict: isVerdict(verdict) ? verdict : "lost",
  }));
}

function isVerdict(text: string | null | undefined): text is ExtendVerdict {
  return VERDICTS.has(text ?? "");
}
