import { clause } from "./clause.ts";
import type { TurnVariant } from "./clause.ts";

/**
 * What a pick-up of limited types leaves behind: `put_aside` are the jobs whose keys have no room, and where keys take turns
 * all that do not run now, out of the way of those that may run; and `stamped` are the rows of the types that it took from.
 *
 * Each job is put aside once, whatever the backlog. What a key set free is taken from there (`open_keys`), and a key is
 * looked at again and again. Within the hour the jobs are due again by themselves, for workers that know of no limits.
 */
export const putAside = clause({ parameters: {}, encode: () => ({}), text: putAsideText });

function putAsideText({ names: { jobs, limits } }: TurnVariant): string {
  return `put_aside AS (
  UPDATE ${jobs} j
     SET due_at = CASE WHEN j.job_type = ANY (ARRAY(SELECT job_type FROM with_room WHERE in_order)) THEN j.created_at ELSE j.run_after END,
         run_after = now() + (1800 + j.id % 1800) * interval '1 s'
   WHERE j.id = ANY (ARRAY(SELECT k.id FROM keyed k WHERE NOT k.parked AND k.key IS NOT NULL
                              AND (NOT k.fits OR k.in_turns AND k.id NOT IN (SELECT id FROM ranked WHERE chosen AND id IS NOT NULL))))
  RETURNING 1
),
stamped AS (
  UPDATE ${limits} g
     SET pickups = g.pickups + 1, starts_at = coalesce(w.at, '{}'), starts = coalesce(w.n, '{}')
    FROM (SELECT l.job_type, x.at, x.n
            FROM limited l
            JOIN (SELECT job_type, count(*)::int4 AS n FROM picked GROUP BY 1) m USING (job_type)
           CROSS JOIN LATERAL (
            -- What has left the span is forgotten; what has started within one cell is one entry.
            SELECT array_agg(y.at ORDER BY y.at) AS at, array_agg(y.n ORDER BY y.at) AS n
              FROM (SELECT max(e.at) AS at, sum(e.n)::int4 AS n
                      FROM (SELECT u.at, u.n FROM unnest(l.starts_at, l.starts) AS u(at, n) WHERE u.at > now() - l.span
                             UNION ALL
                            SELECT now(), m.n) e
                     GROUP BY floor(extract(epoch FROM e.at) / extract(epoch FROM l.span) * 50)) y
             WHERE l.rate IS NOT NULL
           ) x) w
   WHERE g.name = w.job_type AND g.name = ANY (ARRAY(SELECT name FROM gates))
)`;
}
