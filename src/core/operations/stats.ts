import type { SqlRow, SqlStatement } from "../executor.ts";
import type { TableNames } from "../sql/table-names.ts";
import { INDEXED, LOOK, fewOf } from "../sql/small-indexes.ts";
import { NEVER_CACHED, cells, isJobStatus, numberOrNull } from "../job.ts";
import type { JobStatus } from "../job.ts";

/** What is in the table. */
export interface Stats {
  /** How many jobs are in each state. */
  readonly counts: Readonly<Record<JobStatus, number>>;
  /** By type, then state; states without a job are left out. */
  readonly types: Readonly<Record<string, Readonly<Partial<Record<JobStatus, number>>>>>;
  /**
   * The states whose numbers are estimates, from a sample of a large table: a type with few jobs may be missing there.
   * DONE where the table is larger than 512 KiB, another state where it has more than 2,000 jobs besides; READY goes for
   * `due` too, RUNNING for `leasesEnded`.
   */
  readonly about: readonly JobStatus[];
  /** READY jobs that are due. */
  readonly due: number;
  /** How long the oldest of them has been due, in seconds; null where none is. Where READY is an estimate, at least so long. */
  readonly oldestDueSeconds: number | null;
  /** RUNNING jobs whose lease has ended: the next reap makes them READY. */
  readonly leasesEnded: number;
  /** Transactions since the table's oldest row was frozen, of about two thousand million. */
  readonly tableAge: number;
}

/** How many of the table's pages the sample has: all of them, in a small table. */
const SAMPLE_PAGES = 64;

/**
 * `$1` is the table as a name for its size and age.
 *
 * Nothing is counted for longer than some milliseconds. What there is little of is counted by its index, the rest is
 * estimated: how many rows there are, as the planner does it, and what share of them a type and state has, by a sample
 * of pages. It is the same sample each time, so that figures which are looked at again and again do not jump.
 */
export const statsText = ({ jobs }: TableNames): string => {
  const pages = `greatest(1, pg_relation_size($1::text::regclass) / current_setting('block_size')::int)`;
  const percent = `least(100, 100.0 * ${SAMPLE_PAGES} / ${pages})`;
  const ended = "j.lease_holder = j.locked_by AND j.lease_expires_at <= now()";
  // No more columns than the index has, where it has what is asked for.
  const few = INDEXED.map((status) => {
    const [due, end] = [status === "READY" ? "j.run_after" : "NULL", status === "RUNNING" ? ended : "NULL"];
    return fewOf(
      jobs,
      status,
      `'${status}' AS status, j.job_type, ${due}::timestamptz AS run_after, ${end} AS ended`,
    );
  });
  const late = "j.status = 'READY' AND j.run_after <= now()";
  const counts = (from: string): string => `
  SELECT j.status, j.job_type, count(*) AS n, count(*) FILTER (WHERE ${late}) AS due,
         min(j.run_after) FILTER (WHERE ${late} AND isfinite(j.run_after)) AS oldest,
         count(*) FILTER (WHERE j.status = 'RUNNING' AND j.ended) AS ended
    FROM ${from} j GROUP BY j.status, j.job_type`;
  return `${NEVER_CACHED}
WITH counted AS MATERIALIZED (${counts(`(${few.join(" UNION ALL ")})`)}),
sampled AS MATERIALIZED (${counts(`(SELECT j.status::text, j.job_type, j.run_after, ${ended} AS ended
    FROM ${jobs} j TABLESAMPLE SYSTEM (${percent}) REPEATABLE (1))`)}),
inexact AS MATERIALIZED (
  SELECT 'DONE' AS status UNION ALL SELECT j.status FROM counted j GROUP BY j.status HAVING sum(j.n) > ${LOOK}),
size AS MATERIALIZED (
  SELECT age(c.relfrozenxid)::text AS age, ${percent} < 100 AS large,
         CASE WHEN ${percent} < 100 AND c.reltuples > 0 AND c.relpages > 0
              THEN c.reltuples / c.relpages * ${pages} / greatest(1, (SELECT sum(n) FROM sampled))
              ELSE 100 / ${percent} END AS scale
    FROM pg_class c WHERE c.oid = $1::text::regclass)
SELECT j.job_type AS a, j.status AS b, round(j.n * j.scale)::text AS c, round(j.due * j.scale)::text AS d,
       (1000000 * extract(epoch FROM now() - j.oldest))::int8::text AS e, round(j.ended * j.scale)::text AS f, NULL AS g, NULL AS h
  FROM (SELECT *, 1 AS scale FROM counted WHERE status NOT IN (SELECT status FROM inexact)
        UNION ALL SELECT s.*, z.scale FROM sampled s, size z WHERE s.status IN (SELECT status FROM inexact)) j
 UNION ALL
SELECT NULL, NULL, NULL, NULL, (1000000 * extract(epoch FROM now() - min(j.oldest)))::int8::text, NULL, s.age,
       CASE WHEN s.large THEN (SELECT string_agg(status, ' ') FROM inexact) END
  FROM size s LEFT JOIN counted j ON true GROUP BY s.age, s.large`;
};

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
  let about: readonly JobStatus[] = [];
  for (const [type, status, count, dueHere, oldestHere, endedHere, age, inexact] of rows.map(cells)) {
    tableAge += Number(age ?? 0);
    about = inexact?.split(" ").filter(isJobStatus) ?? about;
    const microseconds = numberOrNull(oldestHere);
    if (microseconds !== null) oldest = Math.max(oldest ?? 0, microseconds / 1_000_000);
    if (type === null || type === undefined || !isJobStatus(status)) continue;
    counts[status] += Number(count);
    types.set(type, { ...types.get(type), [status]: Number(count) });
    due += Number(dueHere);
    ended += Number(endedHere);
  }
  const sorted = [...types].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    counts,
    types: Object.fromEntries(sorted),
    about,
    due,
    oldestDueSeconds: oldest,
    leasesEnded: ended,
    tableAge,
  };
}
