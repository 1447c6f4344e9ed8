import type { SqlRow, SqlStatement } from "../executor.ts";
import type { TableNames } from "../sql/table-names.ts";
import { NEVER_CACHED, cells, isJobStatus, numberOrNull } from "../job.ts";
import type { JobStatus } from "../job.ts";

/** What is in the table. */
export interface Stats {
  /** How many jobs are in each state. */
  readonly counts: Readonly<Record<JobStatus, number>>;
  /** By type, then state; states without a job are left out. */
  readonly types: Readonly<Record<string, Readonly<Partial<Record<JobStatus, number>>>>>;
  /** READY jobs that are due. */
  readonly due: number;
  /** How long the oldest of them has been due, in seconds; null where none is. */
  readonly oldestDueSeconds: number | null;
  /** RUNNING jobs whose lease has ended: the next reap makes them READY. */
  readonly leasesEnded: number;
  /** Transactions since the table's oldest row was frozen, of about two thousand million. */
  readonly tableAge: number;
}

/** Counts the whole table. `$1` is the table as a name for its age. */
export const statsText = ({ jobs }: TableNames): string => `${NEVER_CACHED}
SELECT j.job_type AS type, j.status::text AS status, count(*)::text AS count,
       count(*) FILTER (WHERE j.status = 'READY' AND j.run_after <= now())::text AS due,
       (1000000 * extract(epoch FROM now() - min(j.run_after)
         FILTER (WHERE j.status = 'READY' AND j.run_after <= now() AND isfinite(j.run_after))))::int8::text AS oldest,
       count(*) FILTER (WHERE j.status = 'RUNNING' AND j.lease_holder = j.locked_by
         AND j.lease_expires_at <= now())::text AS ended,
       NULL AS age
  FROM ${jobs} j
 GROUP BY j.job_type, j.status
 UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, age(c.relfrozenxid)::text FROM pg_class c WHERE c.oid = $1::text::regclass`;

/** Counts what is in the table. */
export function statsStatement(text: string, { jobs }: TableNames): SqlStatement {
  return { text, params: [jobs] };
}

/** Reads one row per type and state, and one for the table. */
export function readStats(rows: readonly SqlRow[]): Stats {
  const counts: Record<JobStatus, number> = { READY: 0, RUNNING: 0, DONE: 0, FAILED: 0, CANCELLED: 0 };
  // Types are users' text, and `__proto__` is one: no plain object while it is filled.
  const types = new Map<string, Partial<Record<JobStatus, number>>>();
  let [due, ended, tableAge] = [0, 0, 0];
  let oldest: number | null = null;
  for (const [type, status, count, dueHere, oldestHere, endedHere, age] of rows.map(cells)) {
    tableAge += Number(age ?? 0);
    if (type === null || type === undefined || !isJobStatus(status)) continue;
    counts[status] += Number(count);
    types.set(type, { ...types.get(type), [status]: Number(count) });
    due += Number(dueHere);
    ended += Number(endedHere);
    const microseconds = numberOrNull(oldestHere);
    if (microseconds !== null) oldest = Math.max(oldest ?? 0, microseconds / 1_000_000);
  }
  const sorted = [...types].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    counts,
    types: Object.fromEntries(sorted),
    due,
    oldestDueSeconds: oldest,
    leasesEnded: ended,
    tableAge,
  };
}
