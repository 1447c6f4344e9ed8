import type { PickUp } from "../turn-request.ts";
import { clause } from "./clause.ts";
import type { TurnScope, TurnVariant } from "./clause.ts";
import { dueLanesText, laneText, walkedText } from "./lanes.ts";
import { LEASE_LOST } from "./reap.ts";

/** Above all that a pick-up may ask for: 1,000 slots, a buffer of 2,000, and one more. */
const MOST_CANDIDATES = 4_000;

/**
 * Most bytes of a payload that does not count: a pick-up's largest number of them is less than a mebibyte. How long a
 * larger one is only its text tells: numbers take more there (1e308), and what is compressed takes up to 250 times more.
 */
const SMALL_BYTES = 256;

/** Reaped, not settled: lost again, or with one attempt left, it may be what its workers die of. */
export const SUSPECT = `(j.attempts > 0 AND j.attempts >= least(2, j.max_attempts - 1) AND j.attempts < j.max_attempts
                 AND j.locked_by IS NULL AND j.last_error LIKE '${LEASE_LOST}%')`;

/** What a pick-up must know of a job's payload and history. */
export const LARGE_AND_ALONE = `-- As it is stored; and unpacked, which is all that an empty path does to it.
               CASE WHEN pg_column_size(j.payload) > ${SMALL_BYTES}
                      OR pg_column_size(jsonb_extract_path(j.payload, VARIADIC '{}')) > ${SMALL_BYTES}
                    THEN j.payload END AS large,
               ${SUSPECT} AS alone`;

/** How a place says of such jobs that they are left alone, or shown and not taken. */
export const SUSPECTS = { skipped: 1, shown: 2 } as const;

/** Before every id: int8's least value, written so that it is no literal out of range. */
const LEAST_ID = "'-9223372036854775808'::int8";

/**
 * Finds what may be picked up: `wanted_types` are the job types that the caller asks for, and `candidates` what is due of
 * them, locked. A capability that pauses types narrows `wanted_types`.
 *
 * A statement that its caller has given up goes on waiting in the server, for a lock on the table, and what it took then
 * nothing would run. So it takes nothing where `now()`, its arrival, lies too far back when the lock is there at last.
 * Not statement_timestamp(): a driver's messages each move that, and the wait is over with the first of them.
 *
 * - `candidates` lock with SKIP LOCKED and FOR NO KEY UPDATE, as `settle` does.
 * - Each type's priorities are walked one by one (`lane`), and a lane is one range of the index: a million jobs that are not
 *   due cost one probe, on PostgreSQL before 18 too. Where a type has very many priorities the walk ends early, and the
 *   next turn finds them by what is due (`LaneDepth`). Nested in LATERAL the walk is lazy and ends at the LIMIT. The
 *   planner may not reorder a LATERAL, so lanes come in order.
 * - Of many types or lanes each is looked at for a share (`m`), as looking at a row locks it. The order stays exact: where
 *   a share is full, nothing is chosen from its last job on, in whatever lane.
 * - While some transaction holds an old snapshot, the index keeps an entry of each job that has been picked up, and every
 *   walk from a lane's beginning meets them all. A caller that drains a backlog goes on behind the last job that it has
 *   (`after_due, after_id`), and learns no more than that there may be more: whatever has come in front of that, or in
 *   other lanes, is for its next look from the beginning.
 * - Limits come twice, as a number and by a subselect. Planning a whole turn takes 1 to 2 ms, so a named statement should
 *   soon be given a plan that is kept; it is, where the parameters make none that looks cheaper. A subselect tells the
 *   planner nothing, and the number keeps it from expecting a tenth of a backlog, which on a server with JIT would have
 *   each turn compiled, in 100 ms and more.
 */
export const pickUp = clause({
  parameters: {
    /**
     * Where to pick up, a list of `{t, p, r, i, m, s}`: a job type; of a lane to go on in, its priority and the key of the
     * last job picked up; the most to look at there; and what becomes of jobs that must run alone.
     */
    places: "json",
    /** Free slots. */
    slots: "int4",
    /** How many more, of jobs never attempted. */
    buffer: "int4",
    /** For how many ms the pick-up may be held up: later it takes nothing; or null. */
    withinMs: "float8",
  },
  encode: ({ pickUp: asked }) => ({
    places: JSON.stringify(asked === undefined ? [] : encodePlaces(asked)),
    slots: String(asked?.slots ?? 0),
    buffer: String(asked?.buffer ?? 0),
    withinMs: asked?.withinMs === undefined ? null : String(asked.withinMs),
  }),
  text: pickUpText,
  absent: "wanted_types AS (SELECT '' AS job_type, 0 AS priority WHERE false)",
});

function pickUpText({ names, depth, scope, limits }: TurnVariant): string {
  const { jobs } = names;
  const kept = limits === "kept";
  const most = kept ? "coalesce(h.look, least(n, h.most))" : "least(n, h.most)";
  const unlimited =
    limits === "left out" && scope === "whole"
      ? `\n   WHERE NOT EXISTS (SELECT 1 FROM ${names.limits} g WHERE g.name = x.t)`
      : "";
  return `${kept ? "asked" : "wanted_types"} AS MATERIALIZED (
  SELECT DISTINCT x.t AS job_type, x.p AS priority, coalesce(to_timestamp(x.r / 1000000), '-infinity') AS after_due,
         coalesce(x.i, ${LEAST_ID}) AS after_id, x.m AS most, x.s AS suspects
    FROM json_to_recordset(:places) AS x(t text, p int4, r float8, i int8, m int4, s int2)${unlimited}
   -- No more than there are: a list is taken for a hundred rows otherwise. By a subselect it is taken for ten.
   LIMIT (SELECT json_array_length(:places))
),
-- One more than there is room for tells whether more is due; where there is none, nothing is looked at.
row_limit AS (
  SELECT (n + sign(n))::int4 AS n
    FROM (SELECT CASE WHEN clock_timestamp() - now() > longest THEN 0 ELSE :slots + :buffer END
            FROM (SELECT :withinMs * interval '1 ms') held_up (longest)) room (n)
),
${dueLanesText(names, depth)}candidates AS MATERIALIZED (
  SELECT c.*
    FROM wanted_types h
   CROSS JOIN LATERAL (
    WITH RECURSIVE ${laneText(names, depth)}
    SELECT first_n.*, ${kept ? "h.look IS NULL AND " : ""}row_number() OVER () = (SELECT ${most} FROM row_limit) AS last FROM (
      SELECT due.* FROM lane CROSS JOIN LATERAL (
        SELECT j.id, j.job_type, j.priority, j.run_after, j.attempts, j.max_attempts,
               ${LARGE_AND_ALONE}, h.suspects${kept ? ", nullif(j.concurrency_key, '') AS key, j.created_at" : ""}
          FROM ${jobs} j
         WHERE j.status = 'READY' AND j.job_type = h.job_type AND j.priority = lane.priority
           AND j.run_after <= now() AND (j.run_after, j.id) > (h.after_due, h.after_id)${whichJobs(scope)}
           AND (h.suspects IS DISTINCT FROM ${SUSPECTS.skipped} OR ${SUSPECT} IS NOT TRUE)
         ORDER BY j.run_after, j.id
         LIMIT (SELECT ${most} FROM row_limit)
           FOR NO KEY UPDATE SKIP LOCKED
      ) due${walkedText(depth, kept)} LIMIT ${MOST_CANDIDATES}
    ) first_n LIMIT (SELECT ${most} FROM row_limit)
   ) c
)`;
}

/** Which jobs a pick-up is about, as ` AND …`: those that its caller runs are none of them, being READY no longer. */
export function whichJobs(scope: TurnScope): string {
  if (scope === "only") return " AND j.id = ANY (:knownIds)";
  return scope === "without" || scope === "look" ? " AND j.id <> ALL (:knownIds)" : "";
}

function encodePlaces({
  types,
  lanes,
  shares = [],
  suspects = "taken",
}: PickUp): readonly Readonly<Record<string, string | number | undefined>>[] {
  const s = suspects === "taken" ? undefined : SUSPECTS[suspects];
  return (
    lanes?.map(({ type, priority, afterDue, afterId }, n) => ({
      t: type,
      p: priority,
      r: afterDue,
      i: afterId,
      m: shares[n],
      s,
    })) ?? types.map((type, n) => ({ t: type, m: shares[n], s }))
  );
}
