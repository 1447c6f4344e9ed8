import { dueLanesText, laneText, lanesText, walkedText } from "./lanes-text.ts";
import type { LaneDepth } from "./lanes-text.ts";
import { newerColumn } from "../sql/newer-column.ts";
import type { TableNames } from "../sql/table-names.ts";

/** How the error of an attempt begins that a reap ended. */
export const LEASE_LOST = "lease lost: ";

/** Above all that a pick-up may ask for: 1,000 slots, a buffer of 2,000, and one more. */
const MOST_CANDIDATES = 4_000;

/**
 * Most bytes of a payload that does not count: a pick-up's largest number of them is less than a mebibyte. How long a
 * larger one is only its text tells: numbers take more there (1e308), and what is compressed takes up to 250 times more.
 */
const SMALL_BYTES = 256;

/** Reaped, not settled: lost again, or with one attempt left, it may be what its workers die of. */
const SUSPECT = `(j.attempts > 0 AND j.attempts >= least(2, j.max_attempts - 1) AND j.attempts < j.max_attempts
                 AND j.locked_by IS NULL AND j.last_error LIKE '${LEASE_LOST}%')`;

/** How a place says of such jobs that they are left alone, or shown and not taken. */
export const SUSPECTS = { skipped: 1, shown: 2 } as const;

/** Before every id: int8's least value, written so that it is no literal out of range. */
const LEAST_ID = "'-9223372036854775808'::int8";

/** How priorities are found, and what a pick-up that follows a refusal does otherwise. */
export interface PickingVariant {
  readonly depth?: LaneDepth | undefined;
  /** A further condition of the jobs, as ` AND …`. */
  readonly which?: string | undefined;
  /** Chooses as ever, and takes nothing. */
  readonly looks?: boolean | undefined;
  /** Whether the table is known to have the columns of schedules. @default true */
  readonly schedules?: boolean | undefined;
  /** Whether the table is known to keep the history of attempts. @default true */
  readonly errors?: boolean | undefined;
}

/**
 * The part of the turn that picks up, `$1` to `$9` and the `last`: `candidates` are
 * due and locked, `ranked` tells which of them are chosen, `picked` run now, and
 * `exhausted` are FAILED, since they had no attempt left. `hastened` commits
 * asynchronously; `lanes` are all that the types have, for those who will sleep.
 *
 * A statement that its caller has given up goes on waiting in the server, for a lock on the table, and what it took then
 * nobody would run. So it takes nothing where `now()`, its arrival, lies too far back when the lock is there at last.
 * Not statement_timestamp(): a driver's messages each move that, and the wait is over with the first of them.
 */
export function pickingText(
  names: Pick<TableNames, "jobs">,
  last: number,
  { depth = "shallow", which = "", looks = false, schedules = true, errors = true }: PickingVariant = {},
): string {
  const { jobs } = names;
  const withinMs = `$${last}`;
  return `handled AS MATERIALIZED (
  SELECT DISTINCT x.t AS job_type, x.p AS priority, coalesce(to_timestamp(x.r / 1000000), '-infinity') AS after_due,
         coalesce(x.i, ${LEAST_ID}) AS after_id, x.m AS most, x.s AS suspects
    FROM json_to_recordset($1::text::json) AS x(t text, p int4, r float8, i int8, m int4, s int2)
   -- No more than there are: a list is taken for a hundred rows otherwise. By a subselect it is taken for ten.
   LIMIT (SELECT json_array_length($1::text::json))
),
-- One more than there is room for tells whether more is due; where there is none, nothing is looked at.
wanted AS (
  SELECT (n + sign(n))::int4 AS n
    FROM (SELECT CASE WHEN clock_timestamp() - now() > longest THEN 0 ELSE $2::text::int4 + $3::text::int4 END
            FROM (SELECT ${withinMs}::text::float8 * interval '1 ms') held_up (longest)) room (n)
),
${dueLanesText(names, depth)}candidates AS MATERIALIZED (
  SELECT c.*
    FROM handled h
   CROSS JOIN LATERAL (
    WITH RECURSIVE ${laneText(names, depth)}
    SELECT foremost.*, row_number() OVER () = (SELECT least(n, h.most) FROM wanted) AS last FROM (
      SELECT due.* FROM lane CROSS JOIN LATERAL (
        SELECT j.id, j.job_type, j.priority, j.run_after, j.attempts, j.max_attempts,
               -- As it is stored; and unpacked, which is all that an empty path does to it.
               CASE WHEN pg_column_size(j.payload) > ${SMALL_BYTES}
                      OR pg_column_size(jsonb_extract_path(j.payload, VARIADIC '{}')) > ${SMALL_BYTES}
                    THEN j.payload END AS large,
               ${SUSPECT} AS alone, h.suspects
          FROM ${jobs} j
         WHERE j.status = 'READY' AND j.job_type = h.job_type AND j.priority = lane.priority
           AND j.run_after <= now() AND (j.run_after, j.id) > (h.after_due, h.after_id)${which}
           AND (h.suspects IS DISTINCT FROM ${SUSPECTS.skipped} OR ${SUSPECT} IS NOT TRUE)
         ORDER BY j.run_after, j.id
         LIMIT (SELECT least(n, h.most) FROM wanted)
           FOR NO KEY UPDATE SKIP LOCKED
      ) due${walkedText(depth)} LIMIT ${MOST_CANDIDATES}
    ) foremost LIMIT (SELECT least(n, h.most) FROM wanted)
   ) c
),
-- The first that goes beyond the most bytes. Payloads are written out one by one up to it, and those behind it never.
beyond AS MATERIALIZED (
  SELECT w.id
    FROM (SELECT c.priority, c.run_after, c.id, sum(octet_length(c.large::text)) OVER best AS bytes_so_far
            FROM candidates c
           WHERE c.large IS NOT NULL
          WINDOW best AS (ORDER BY c.priority DESC, c.run_after, c.id ROWS UNBOUNDED PRECEDING)) w
   WHERE w.bytes_so_far > $4::text::int8
   ORDER BY w.priority DESC, w.run_after, w.id
   LIMIT 1
),
ranked AS MATERIALIZED (
  SELECT r.id, r.job_type, r.priority, r.run_after, r.attempts < r.max_attempts AS runs, r.alone,
         r.place < (SELECT n FROM wanted)
           -- A job that killed its worker must not take a buffer of neighbours with it, least of all their only attempt.
           AND (r.place <= $2::text::int4 OR r.attempts = 0 AND r.max_attempts > 1)
           -- And one that may do so again takes no neighbours at all: the pick-up ends before it, or with it. It ends, too,
           -- before the last job of a share, which is never the first: of that type or lane the next ones are not known.
           AND (r.place = 1 AND (NOT r.alone OR r.suspects IS NULL) OR NOT r.at_an_end)
           AND (r.place = 1 OR NOT r.too_much) AS chosen
    FROM (
      SELECT c.id, c.job_type, c.priority, c.run_after, c.attempts, c.max_attempts, c.alone, c.suspects,
             row_number() OVER best AS place, bool_or(c.alone OR c.last) OVER best AS at_an_end,
             bool_or(c.id IN (SELECT id FROM beyond)) OVER best AS too_much
        FROM candidates c
      WINDOW best AS (ORDER BY c.priority DESC, c.run_after, c.id ROWS UNBOUNDED PRECEDING)
    ) r
),
${looks ? NO_TAKING : takingText(jobs, schedules, errors)}-- Its commit waits for no disk. What is settled or reaped must outlive a crash; an attempt's beginning may be forgotten.
hastened AS MATERIALIZED (
  SELECT set_config('synchronous_commit', 'off', true)
   WHERE $9::text = 'true' AND NOT EXISTS (SELECT 1 FROM done) AND NOT EXISTS (SELECT 1 FROM undone)
     AND NOT EXISTS (SELECT 1 FROM reaped)
),
${lanesText(names)}`;
}

/** The parameters have types, although nothing is taken. */
const NO_TAKING = "untaken AS (SELECT $5::text, $6::text, $7::text, $8::text),\n";

function takingText(jobs: string, schedules: boolean, errors: boolean): string {
  const history = errors ? "j.errors" : `${newerColumn("errors")} AS errors`;
  const tick = schedules
    ? "j.schedule, j.scheduled_for"
    : `${newerColumn("schedule")} AS schedule, ${newerColumn("scheduled_for")} AS scheduled_for`;
  return `lease AS (
  SELECT now() + ($6::text::float8 + $8::text::float8) * interval '1 ms' AS longest
),
picked AS (
  UPDATE ${jobs} j
     SET status = 'RUNNING', attempts = j.attempts + 1, locked_by = $5::text, locked_at = now(),
         lease_holder = $5::text,
         lease_expires_at = CASE
           WHEN $7::text IS NULL THEN (SELECT longest FROM lease)
           ELSE least((SELECT longest FROM lease),
                      now() + coalesce(j.timeout_seconds, $7::text::float8) * interval '1 s'
                            + $8::text::float8 * interval '1 ms')
         END,
         finished_at = NULL, duration_ms = NULL, updated_at = now()
   WHERE j.id = ANY (ARRAY(SELECT id FROM ranked WHERE chosen AND runs))
  RETURNING j.id, j.job_type, j.payload, j.status, j.attempts, j.max_attempts, j.priority, j.run_after, j.timeout_seconds,
            j.dedupe_key, j.created_at, ${tick}, ${history}
),
exhausted AS (
  UPDATE ${jobs} j
     SET status = 'FAILED', locked_by = NULL, locked_at = NULL, lease_holder = NULL, lease_expires_at = NULL,
         finished_at = now(),
         last_error = coalesce(j.last_error, 'no attempt left: ' || j.attempts || ' of ' || j.max_attempts),
         duration_ms = NULL, updated_at = now()
   WHERE j.id = ANY (ARRAY(SELECT id FROM ranked WHERE chosen AND NOT runs))
  RETURNING j.id, j.job_type, j.payload, j.status, j.attempts, j.max_attempts, j.priority, j.run_after, j.timeout_seconds,
            j.dedupe_key, j.created_at, ${tick}, ${history}
),
`;
}

/** A turn that picks nothing up. */
export const NO_PICKING = [
  "handled AS (SELECT '' AS job_type, 0 AS priority WHERE false)",
  "candidates AS (SELECT WHERE false)",
  "ranked AS (SELECT 0::int8 AS id, '' AS job_type, 0 AS priority, now() AS run_after, false AS chosen, false AS alone WHERE false)",
  "hastened AS (SELECT WHERE false)",
  "lanes AS (SELECT '' AS job_type, 0 AS priority, 0 AS nth WHERE false)",
].join(",\n");
