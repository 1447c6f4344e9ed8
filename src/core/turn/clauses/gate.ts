import { LIMITS, rowText } from "../answer-rows.ts";
import { USUAL } from "../../job.ts";
import { clause } from "./clause.ts";
import type { TurnVariant } from "./clause.ts";

/** A bound that is none: of a type whose jobs were put aside, and that bounds its keys no longer. */
const UNBOUNDED = 2_147_483_647;
/** How many keys whose jobs were put aside a pick-up looks at: each is a probe of an index. */
const MOST_KEYS = 64;
/** Least jobs to look at where keys take turns, so that the keys of more than a few are seen. */
const LEAST_IN_TURNS = 100;

/** How a limit says in which order the jobs of its keys run; by what is due where it says nothing. */
export const ORDERS = { turns: 1, strict: 2 } as const;

/**
 * Which of the types that are asked for may be picked up now, and how many jobs of each: `wanted_types`.
 *
 * - How many run is counted from the jobs, but for those that this statement settles: no counter can be wrong, whatever
 *   settles, reaps or cancels a job.
 * - Two that count at once see the same. So a pick-up of a limited type locks the type's row (`gates`), where one that
 *   comes meanwhile passes the type over; and it takes nothing where the row says of more pick-ups than its snapshot shows,
 *   since it has not counted what those have taken.
 * - A type of which nothing is due is left alone (`busy`), so that idle workers do not pass it over for each other.
 * - A start counts until its whole cell of time, a fiftieth of the span, is over it.
 */
export const gate = clause({
  parameters: {
    /**
     * The limits of the code, a list of `{t, c, k, q, w, o, f}`: a job type; most that run, and most of a key; most starts
     * within how many seconds; the order of {@link ORDERS}; and the key behind which to go on.
     */
    typeLimits: "json",
    /** Least jobs to look at of a type that bounds its keys. */
    keyLook: "int4",
    slots: "int4",
  },
  encode: ({ pickUp, limits }) => ({
    typeLimits: limits?.types ?? "[]",
    keyLook: String(limits?.keyLook ?? 0),
    slots: String(pickUp?.slots ?? 0),
  }),
  text: gateText,
});

function gateText({ names: { jobs, limits } }: TurnVariant): string {
  const nextKey = (after: string): string =>
    `(SELECT j.concurrency_key ${asideText(jobs)} AND j.concurrency_key > ${after} ORDER BY j.concurrency_key LIMIT 1)`;
  return `-- One more than there are slots: what is limited waits in no buffer, where it would keep its key from others.
slot_limit AS MATERIALIZED (
  SELECT least(n, :slots + sign(:slots)::int4) AS n FROM row_limit
),
limited AS MATERIALIZED (
  SELECT a.job_type, a.suspects, g.pickups, coalesce(g.paused, false) AS paused, coalesce(g.total, x.c) AS total,
         coalesce(g.per_key, x.k, CASE WHEN (SELECT true ${asideText(jobs, "a")} ORDER BY j.concurrency_key LIMIT 1) THEN ${UNBOUNDED} END) AS per_key,
         coalesce(g.rate, x.q) AS rate, coalesce(g.rate_seconds, x.w) * interval '1 s' AS span,
         coalesce(g.starts_at, '{}') AS starts_at, coalesce(g.starts, '{}') AS starts,
         coalesce(x.o = ${ORDERS.turns}, false) AS in_turns, coalesce(x.o = ${ORDERS.strict}, false) AS in_order, coalesce(x.f, '') AS from_key
    FROM (SELECT job_type, max(suspects) AS suspects FROM asked GROUP BY job_type) a
    LEFT JOIN json_to_recordset(:typeLimits) AS x(t text, c int4, k int4, q int4, w float8, o int2, f text) ON x.t = a.job_type
    LEFT JOIN ${limits} g ON g.name = a.job_type
   WHERE g.name IS NOT NULL OR coalesce(x.c, x.k, x.q) IS NOT NULL
),
running AS MATERIALIZED (
  SELECT l.job_type, r.key, r.n, r.freed
    FROM limited l
   CROSS JOIN LATERAL (
    SELECT r.key, count(*) FILTER (WHERE NOT r.ended)::int4 AS n, bool_or(r.ended) AS freed
      FROM (SELECT j.concurrency_key AS key,
                   j.id IN (SELECT id FROM done) OR j.id IN (SELECT id FROM not_done WHERE status <> 'READY')
                     -- Where the order counts, what will be tried again holds its key until then.
                     OR NOT l.in_order AND j.id IN (SELECT id FROM not_done) AS ended
              FROM ${jobs} j
             -- A range: with few jobs expected to run, an index of all that run would be read otherwise.
             WHERE j.status = 'RUNNING' AND j.job_type = l.job_type AND j.concurrency_key >= '') r
     GROUP BY r.key
   ) r
),
room AS MATERIALIZED (
  SELECT l.*, least(l.total - coalesce((SELECT sum(r.n) FROM running r WHERE r.job_type = l.job_type), 0), l.rate - u.used, ${UNBOUNDED})::int4 AS free,
         l.rate - u.used AS starts_left, coalesce(u.oldest, now()) + l.span AS opens_at
    FROM limited l
   CROSS JOIN LATERAL (
    SELECT coalesce(sum(s.n), 0) AS used, min(s.at) AS oldest FROM unnest(l.starts_at, l.starts) AS s(at, n) WHERE s.at > now() - l.span
   ) u
   WHERE NOT l.paused
),
with_room AS MATERIALIZED (
  SELECT r.*, CASE WHEN r.per_key IS NULL THEN least(n, r.free) ELSE greatest(n, :keyLook, CASE WHEN r.in_turns THEN ${LEAST_IN_TURNS} END) END AS look
    FROM room r CROSS JOIN slot_limit
   WHERE r.free > 0 AND n > 0
),
-- Keys whose jobs were put aside, from where the last look ended, and round.
walked_keys AS MATERIALIZED (
  SELECT s.job_type, w.key, w.nth
    FROM with_room s
   CROSS JOIN LATERAL (
    WITH RECURSIVE walk(key, nth, lap) AS (
      SELECT s.from_key, 0, CASE WHEN s.from_key = '' THEN 1 ELSE 0 END
       UNION ALL
      SELECT m.key, walk.nth + 1, m.lap
        FROM walk
       CROSS JOIN LATERAL (SELECT ${nextKey("walk.key")} AS key) n
       CROSS JOIN LATERAL (SELECT CASE WHEN n.key IS NULL AND walk.lap = 0 THEN ${nextKey("''")} ELSE n.key END AS key,
                                  CASE WHEN n.key IS NULL THEN 1 ELSE walk.lap END AS lap) m
       WHERE walk.nth < ${MOST_KEYS} AND m.key IS NOT NULL AND (m.lap = 0 OR s.from_key = '' OR m.key <= s.from_key)
    )
    SELECT key, nth FROM walk WHERE nth > 0
   ) w
   WHERE s.per_key IS NOT NULL
),
open_keys AS MATERIALIZED (
  SELECT k.job_type, k.key, least(s.per_key - coalesce(r.n, 0), s.look) AS most
    FROM (SELECT job_type, key FROM walked_keys
           UNION
          SELECT job_type, key FROM running WHERE freed AND key <> '') k
    JOIN with_room s ON s.job_type = k.job_type AND s.per_key IS NOT NULL
    LEFT JOIN running r ON r.job_type = k.job_type AND r.key = k.key
   WHERE s.per_key > coalesce(r.n, 0)
),
busy AS MATERIALIZED (
  SELECT s.job_type FROM with_room s
   WHERE s.job_type IN (SELECT job_type FROM open_keys) OR ${dueText(jobs, "=")} OR ${dueText(jobs, "<>")}
),
gates AS MATERIALIZED (
  SELECT g.name, g.pickups
    FROM ${limits} g
   WHERE g.name = ANY (ARRAY(SELECT job_type FROM busy))
   ORDER BY g.name
     FOR NO KEY UPDATE SKIP LOCKED
),
founded AS (
  INSERT INTO ${limits} (name, pickups, starts_at, starts)
  SELECT r.job_type, 1, ARRAY[now()], ARRAY[least(r.free, n)]
    FROM with_room r CROSS JOIN slot_limit
   WHERE r.pickups IS NULL AND r.job_type = ANY (ARRAY(SELECT job_type FROM busy))
   ORDER BY r.job_type
      ON CONFLICT DO NOTHING
  RETURNING name
),
opened AS MATERIALIZED (
  SELECT g.name AS job_type
    FROM gates g JOIN limited l ON l.job_type = g.name AND l.pickups = g.pickups
   -- The moments of starts only grow: what has left the span of the last pick-up is forgotten.
   WHERE now() >= ALL (l.starts_at)
   UNION ALL
  SELECT name FROM founded
),
wanted_types AS MATERIALIZED (
  SELECT a.*, s.look
    FROM asked a LEFT JOIN with_room s ON s.job_type = a.job_type
   WHERE a.job_type <> ALL (ARRAY(SELECT job_type FROM limited)) OR a.job_type = ANY (ARRAY(SELECT job_type FROM opened))
),
-- What a caller that will sleep waits for: not for what is paused, nor for what only time sets free.
waited_types AS MATERIALIZED (
  SELECT a.job_type FROM asked a
   WHERE a.job_type <> ALL (ARRAY(SELECT job_type FROM limited))
      OR a.job_type = ANY (ARRAY(SELECT job_type FROM room WHERE starts_left <= 0 IS NOT TRUE))
)`;
}

/** Any job that is due of `s`'s type, of the usual priority or of others; the order forbids a scan that hopes to meet one soon. */
function dueText(jobs: string, is: "=" | "<>", but = ""): string {
  return `(SELECT true FROM ${jobs} j WHERE j.status = 'READY' AND j.job_type = s.job_type AND j.priority ${is} ${USUAL.priority} AND j.run_after <= now()${but}
       ORDER BY j.run_after LIMIT 1)`;
}

function asideText(jobs: string, of = "s"): string {
  return `FROM ${jobs} j WHERE j.status = 'READY' AND j.due_at IS NOT NULL AND j.job_type = ${of}.job_type`;
}

/** How many of a type this pick-up takes. */
const CHOSEN = "(SELECT count(*) FROM ranked c WHERE c.chosen AND c.job_type = s.job_type)";

/** Whether jobs are due of a type that has no more room, or that another pick-up is at. Those that only time sets free are not meant. */
export function blockedText({ names: { jobs } }: TurnVariant): string {
  return `(EXISTS (SELECT 1 FROM busy WHERE job_type <> ALL (ARRAY(SELECT job_type FROM opened)))
         OR EXISTS (SELECT 1 FROM keyed WHERE NOT fits AND NOT parked)
         OR EXISTS (SELECT 1 FROM room s WHERE s.starts_left <= ${CHOSEN} IS NOT TRUE AND (
           s.per_key IS NOT NULL AND (SELECT true ${asideText(jobs)} AND j.id <> ALL (ARRAY(SELECT id FROM ranked WHERE chosen)) ORDER BY j.concurrency_key LIMIT 1)
           OR s.free <= ${CHOSEN} AND (${dueText(jobs, "=", TAKEN)} OR ${dueText(jobs, "<>", TAKEN)}))))`;
}

const TAKEN = " AND j.id <> ALL (ARRAY(SELECT id FROM ranked WHERE chosen))";

/** When the next start of a type is allowed whose rate is used up. */
export const OPENS_AT = `(SELECT min(extract(epoch FROM s.opens_at)) FROM room s WHERE s.starts_left <= ${CHOSEN})`;

/** Whether the pick-up looked at all that it may of a type whose keys are bounded: behind that there may be more. */
export const LOOK_FULL = `EXISTS (SELECT 1 FROM with_room s WHERE s.per_key IS NOT NULL
          AND (SELECT count(*) FROM candidates c WHERE c.job_type = s.job_type) >= s.look)`;

/** Whether there are limits at all; where the next look at keys goes on; and whether it should look at more jobs. */
export function limitRowsText({ names: { limits } }: TurnVariant, takes: boolean): string {
  return `SELECT ${rowText("'limits'", LIMITS, {
    exist: `EXISTS (SELECT 1 FROM ${limits})::text`,
    from: `(SELECT json_object_agg(w.job_type, w.key)::text FROM (
          SELECT DISTINCT ON (k.job_type) k.job_type, k.key FROM (
            SELECT job_type, key, 1 AS how, turn AS nth FROM dealt WHERE in_turns AND key IS NOT NULL AND id = ANY (ARRAY(SELECT id FROM ranked WHERE chosen))
             UNION ALL
            SELECT job_type, key, 0, nth FROM walked_keys WHERE nth >= ${MOST_KEYS}) k
           ORDER BY k.job_type, k.how DESC, k.nth DESC) w)`,
    wider: takes
      ? "(SELECT count(*) > 0 AND count(*) * 2 >= (SELECT count(*) FROM keyed WHERE NOT parked) AND (SELECT count(*) FROM picked) < :slots FROM put_aside)::text"
      : "NULL",
  })}`;
}
