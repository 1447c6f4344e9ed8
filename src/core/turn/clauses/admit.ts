import { clause } from "./clause.ts";
import type { TurnVariant } from "./clause.ts";
import { LARGE_AND_ALONE, SUSPECT, SUSPECTS, whichJobs } from "./pick-up.ts";

/** As many as a pick-up may take. */
const MOST = 4_000;

/**
 * What of the candidates the limits admit, and of what was put aside: `admitted`.
 *
 * - A job fits whose key has room: `round` is what it would make the number of its key's jobs.
 * - Keys take turns: of each the first, then of each the second. A type as a whole keeps its place among the others, as
 *   its jobs' due times are dealt out anew among them, each a microsecond later than the last.
 * - What is limited counts as attempted, so that it goes into slots alone, and no job of it ends the pick-up as the last
 *   of a share.
 * - What was put aside is locked only if it is admitted, as most of what is looked at is not.
 */
export const admit = clause({ parameters: {}, encode: () => ({}), text: admitText });

function admitText({ names: { jobs }, scope }: TurnVariant): string {
  const aside = "j.status = 'READY' AND j.due_at IS NOT NULL AND j.run_after > now()";
  return `aside AS MATERIALIZED (
  SELECT a.*
    FROM open_keys k
    JOIN limited l ON l.job_type = k.job_type
   CROSS JOIN LATERAL (
    SELECT j.id, j.job_type, j.priority, j.due_at AS run_after, j.attempts, j.max_attempts, ${LARGE_AND_ALONE}, l.suspects, j.concurrency_key AS key, j.created_at, false AS last, true AS parked
      FROM ${jobs} j
     WHERE ${aside} AND j.job_type = k.job_type AND j.concurrency_key = k.key${whichJobs(scope)}
       AND (l.suspects IS DISTINCT FROM ${SUSPECTS.skipped} OR ${SUSPECT} IS NOT TRUE)
     ORDER BY j.priority DESC, j.due_at, j.id
     LIMIT k.most
   ) a
   WHERE k.job_type = ANY (ARRAY(SELECT job_type FROM opened))
   LIMIT ${MOST}
),
keyed AS MATERIALIZED (
  SELECT t.*, s.in_turns, s.in_order, s.from_key, s.free,
         t.key IS NULL OR s.per_key IS NULL
           OR t.round <= s.per_key AND (NOT s.in_order OR NOT EXISTS (
                -- What has begun is ended first, however long it waits for its next attempt.
                SELECT 1 FROM ${jobs} j
                 WHERE j.status = 'READY' AND j.job_type = t.job_type AND j.concurrency_key = t.key
                   AND (j.attempts > 0 OR j.locked_by IS NOT NULL) AND j.id < t.id)) AS fits
    FROM (SELECT c.*, CASE WHEN c.key IS NULL THEN 1
                           ELSE coalesce(r.n, 0) + row_number() OVER (PARTITION BY c.job_type, c.key ORDER BY c.priority DESC, c.due, c.id) END AS round
            FROM (SELECT c.*, CASE WHEN s.in_order THEN c.created_at ELSE c.run_after END AS due
                    FROM (SELECT c.*, false AS parked FROM candidates c WHERE c.id IS NOT NULL UNION ALL SELECT * FROM aside) c
                    JOIN with_room s USING (job_type)) c
            LEFT JOIN running r ON r.job_type = c.job_type AND r.key = c.key) t
    JOIN with_room s USING (job_type)
),
dealt AS MATERIALIZED (
  SELECT f.*, row_number() OVER (PARTITION BY f.job_type ORDER BY f.priority DESC, f.turn) AS nth,
         CASE WHEN f.in_turns
              THEN (array_agg(f.due) OVER (PARTITION BY f.job_type, f.priority ORDER BY f.due, f.id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING))[f.turn]
                     + f.turn * interval '1 microsecond'
              ELSE f.due END AS dealt_due
    FROM (SELECT k.*, row_number() OVER (PARTITION BY k.job_type, k.priority ORDER BY CASE WHEN k.in_turns THEN k.round END,
                        CASE WHEN k.in_turns THEN k.key <= k.from_key END, CASE WHEN k.in_turns THEN k.key END, k.due, k.id) AS turn
            FROM keyed k WHERE k.fits) f
),
held_aside AS MATERIALIZED (
  SELECT j.id FROM ${jobs} j
   WHERE j.id = ANY (ARRAY(SELECT d.id FROM dealt d WHERE d.parked AND d.nth <= least(d.free, (SELECT n FROM slot_limit))))
     AND CASE WHEN ${aside} THEN true END
     FOR NO KEY UPDATE SKIP LOCKED
),
admitted AS MATERIALIZED (
  SELECT c.id, c.job_type, c.priority, c.run_after, c.attempts, c.max_attempts, c.large, c.alone, c.suspects, c.last
    FROM candidates c
   WHERE c.id IS NULL OR c.job_type <> ALL (ARRAY(SELECT job_type FROM with_room))
   UNION ALL
  SELECT d.id, d.job_type, d.priority, d.dealt_due, d.attempts + 1, d.max_attempts + 1, d.large, d.alone, d.suspects, false
    FROM dealt d
   WHERE d.nth <= d.free AND (NOT d.parked OR d.id IN (SELECT id FROM held_aside))
)`;
}
