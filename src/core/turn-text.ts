import { quoteLiteral } from "./identifiers.ts";
import type { TableNames } from "./identifiers.ts";

/** How often a job may be released before a release counts as an attempt. */
export const MAX_RELEASES = 10;

/** Above all that a pick-up may ask for: 1,000 slots, a buffer of 2,000, and one more. */
const MOST_CANDIDATES = 4_000;

/** How the error of an attempt begins that a reap ended. */
const LEASE_LOST = "lease lost: ";

/** Before every id: int8's least value, written so that it is no literal out of range. */
const LEAST_ID = "'-9223372036854775808'::int8";

/**
 * The turn's text: settle what ended, reap what is lost, pick up what is due,
 * and tell the caller how long it may sleep, in one statement and one snapshot.
 *
 * | parameter | meaning |
 * | --- | --- |
 * | `$1` | settlements, a JSON list of `{i, a, l, o, d, r, e, w, t}` |
 * | `$2` | where to pick up, a JSON list of `{t, p, r, i}`: a job type; and, of a lane to go on in, its priority and the key of the last job picked up |
 * | `$3` | free slots |
 * | `$4` | buffer: how many more, of jobs never attempted |
 * | `$5` | most bytes of payload |
 * | `$6` | `locked_by` of this pick-up, with its nonce |
 * | `$7` | lease in ms |
 * | `$8` | seconds of a handler without `timeout_seconds`, if that also bounds the lease; or null |
 * | `$9` | ms added to the lease after both bounds |
 * | `$10` | most jobs to reap, 0 for none |
 * | `$11` | seconds after which a row without a lease is lost (the Python rule) |
 * | `$12` | ids that the caller is running, a JSON list: it is alive to extend them |
 * | `$13` | worker that waits for NOTIFY from now on, or null |
 * | `$14` | for how many ms its guard stands |
 * | `$15` | payload of a probing NOTIFY, or null |
 * | `$16` | `true` commits a turn asynchronously that settles and reaps nothing |
 *
 * Why it is written as it is:
 * - The fence stands inside one CASE, and rows are found by `id = ANY(ARRAY(…))`. Written plainly,
 *   `status = 'RUNNING'` is estimated at one row, and the join becomes quadratic.
 * - `held`, `expired` and `candidates` lock with SKIP LOCKED: no row that somebody else holds
 *   delays another row, and nothing here can be part of a deadlock.
 * - All parts see the snapshot of before: reap must leave out by name what `settled` settles, and
 *   a job that is made READY here is picked up by the next turn (`more` says so).
 * - Each type's priorities are walked one by one (`lane`), and a lane is one range of the index: a
 *   million jobs that are not due cost one probe, on PostgreSQL before 18 too. Nested in LATERAL the
 *   walk is lazy and ends at the LIMIT. The planner may not reorder a LATERAL, so lanes come in order.
 * - While some transaction holds an old snapshot, the index keeps an entry of each job that has been picked up,
 *   and every walk from a lane's beginning meets them all. A caller that drains a backlog goes on behind the last
 *   job that it has (`after_due, after_id`), and is told no more than that there may be more: whatever has come in
 *   front of that, or in other lanes, is for its next look from the beginning.
 * - Limits come twice, as a number and by a subselect. Planning all this takes 1 to 2 ms, so a named statement should
 *   soon be given a plan that is kept; it is, where the parameters make none that looks cheaper. A subselect tells the
 *   planner nothing, and the number keeps it from taking a tenth of a backlog for wanted, which on a server with JIT
 *   would have each turn compiled, in 100 ms and more.
 * - What a worker that is about to sleep wants to know is asked only where nothing more is due.
 * - A snapshot's xmax is not the next transaction's id, but one past the last that has ended: those that
 *   began later and are still open lie beyond it. An id of this turn's own is later than all of them.
 */
export function turnText({ jobs, statusType, waiting, channel }: TableNames): string {
  return `
WITH RECURSIVE input AS MATERIALIZED (
  SELECT x.i AS id, x.a AS attempts, x.l AS locked_by, x.o AS outcome, x.d AS duration_ms,
         x.r AS result, x.e AS error, coalesce(to_timestamp(x.t / 1000), now() + x.w * interval '1 ms') AS run_after
    FROM json_to_recordset($1::text::json)
      AS x(i int8, a int4, l text, o text, d int4, r jsonb, e text, w float8, t float8)
),
held AS MATERIALIZED (
  SELECT j.id
    FROM ${jobs} j
   WHERE j.id = ANY (ARRAY(SELECT id FROM input))
     AND CASE WHEN j.status = 'RUNNING' THEN true END
   ORDER BY j.id
     FOR UPDATE SKIP LOCKED
),
settled AS (
  UPDATE ${jobs} j
     SET status = (CASE
           WHEN x.outcome = 'done' THEN 'DONE'
           WHEN x.outcome = 'fail' THEN 'FAILED'
           WHEN x.outcome = 'snooze' THEN 'READY'
           WHEN x.outcome = 'release' AND j.released < ${MAX_RELEASES} THEN 'READY'
           WHEN x.outcome IN ('retry', 'release') AND j.attempts < j.max_attempts THEN 'READY'
           WHEN x.outcome IN ('retry', 'release') THEN 'FAILED'
         END)::${statusType},
         attempts = j.attempts - CASE
           WHEN x.outcome = 'snooze' THEN 1
           WHEN x.outcome = 'release' AND j.released < ${MAX_RELEASES} THEN 1
           ELSE 0
         END,
         released = j.released + CASE
           WHEN x.outcome = 'release' AND j.released < ${MAX_RELEASES} THEN 1
           ELSE 0
         END,
         run_after = CASE WHEN x.outcome IN ('retry', 'snooze') THEN coalesce(x.run_after, now()) ELSE j.run_after END,
         result = CASE WHEN x.outcome = 'done' THEN x.result ELSE j.result END,
         last_error = coalesce(x.error, j.last_error),
         finished_at = CASE
           WHEN x.outcome IN ('done', 'fail') THEN now()
           WHEN x.outcome = 'snooze' THEN NULL
           WHEN x.outcome = 'release' AND j.released < ${MAX_RELEASES} THEN NULL
           WHEN j.attempts >= j.max_attempts THEN now()
         END,
         duration_ms = x.duration_ms,
         locked_at = NULL, lease_expires_at = NULL, lease_holder = NULL,
         updated_at = now()
    FROM input x
   WHERE j.id = ANY (ARRAY(SELECT id FROM held))
     AND j.id = x.id
     AND CASE WHEN j.status = 'RUNNING' AND j.attempts = x.attempts AND j.locked_by = x.locked_by THEN true END
  RETURNING j.id, j.locked_by, j.status::text AS status, j.job_type, j.run_after
),
expired AS MATERIALIZED (
  SELECT j.id
    FROM ${jobs} j
   WHERE j.status = 'RUNNING'
     AND CASE WHEN j.lease_holder = j.locked_by THEN j.lease_expires_at <= now()
              ELSE coalesce(j.locked_at, j.updated_at)
                   < now() - coalesce(j.timeout_seconds, $11::text::float8) * interval '1 s' END
     AND j.id NOT IN (SELECT id FROM input)
     AND j.id NOT IN (SELECT value::int8 FROM json_array_elements_text($12::text::json))
   ORDER BY j.id
   LIMIT (SELECT $10::text::int4)
     FOR UPDATE SKIP LOCKED
),
reaped AS (
  UPDATE ${jobs} j
     SET status = (CASE WHEN j.attempts < j.max_attempts THEN 'READY' ELSE 'FAILED' END)::${statusType},
         finished_at = CASE WHEN j.attempts >= j.max_attempts THEN now() END,
         last_error = '${LEASE_LOST}' || coalesce(j.locked_by, 'nobody') || ' neither settled nor extended it',
         locked_at = NULL, locked_by = NULL, lease_expires_at = NULL, lease_holder = NULL,
         updated_at = now()
   WHERE j.id = ANY (ARRAY(SELECT id FROM expired))
  RETURNING j.id, j.job_type, j.status::text AS status, j.run_after
),
handled AS MATERIALIZED (
  SELECT DISTINCT x.t AS job_type, x.p AS priority, coalesce(to_timestamp(x.r / 1000), '-infinity') AS after_due,
         coalesce(x.i, ${LEAST_ID}) AS after_id
    FROM json_to_recordset($2::text::json) AS x(t text, p int4, r float8, i int8)
   -- No more than there are: a list is taken for a hundred rows otherwise. By a subselect it is taken for ten.
   LIMIT (SELECT json_array_length($2::text::json))
),
-- One more than there is room for tells whether more is due; where there is none, nothing is looked at.
wanted AS (SELECT (n + sign(n))::int4 AS n FROM (SELECT $3::text::int4 + $4::text::int4) room (n)),
candidates AS MATERIALIZED (
  SELECT c.*
    FROM handled h
   CROSS JOIN LATERAL (
    WITH RECURSIVE lane(priority) AS (
      SELECT coalesce(h.priority, (SELECT j.priority FROM ${jobs} j
                                    WHERE j.status = 'READY' AND j.job_type = h.job_type
                                    ORDER BY j.priority DESC LIMIT 1))
      UNION ALL
      SELECT (SELECT j.priority FROM ${jobs} j
               WHERE j.status = 'READY' AND j.job_type = h.job_type AND j.priority < lane.priority
               ORDER BY j.priority DESC LIMIT 1)
        FROM lane WHERE lane.priority IS NOT NULL AND h.priority IS NULL
    )
    SELECT foremost.* FROM (
      SELECT due.* FROM lane CROSS JOIN LATERAL (
        SELECT j.id, j.job_type, j.payload::text AS payload, j.attempts, j.max_attempts, j.priority,
               j.run_after, j.timeout_seconds, j.dedupe_key, j.created_at,
               -- Reaped, not settled: lost again, or with one attempt left, it may be what its workers die of.
               j.attempts > 0 AND j.attempts >= least(2, j.max_attempts - 1) AND j.attempts < j.max_attempts
                 AND j.locked_by IS NULL AND j.last_error LIKE '${LEASE_LOST}%' AS alone
          FROM ${jobs} j
         WHERE j.status = 'READY' AND j.job_type = h.job_type AND j.priority = lane.priority
           AND j.run_after <= now() AND (j.run_after, j.id) > (h.after_due, h.after_id)
         ORDER BY j.run_after, j.id
         LIMIT (SELECT n FROM wanted)
           FOR UPDATE SKIP LOCKED
      ) due LIMIT ${MOST_CANDIDATES}
    ) foremost LIMIT (SELECT n FROM wanted)
   ) c
),
ranked AS (
  SELECT c.*, row_number() OVER best AS place, sum(octet_length(c.payload)) OVER best AS bytes,
         bool_or(c.alone) OVER best AS behind_one_alone
    FROM candidates c
  WINDOW best AS (ORDER BY c.priority DESC, c.run_after, c.id ROWS UNBOUNDED PRECEDING)
),
chosen AS MATERIALIZED (
  SELECT r.*
    FROM ranked r
   WHERE r.place < (SELECT n FROM wanted)
     -- A job that killed its worker must not take a buffer of neighbours with it, least of all their only attempt.
     AND (r.place <= $3::text::int4 OR r.attempts = 0 AND r.max_attempts > 1)
     -- And one that may do so again takes no neighbours at all: the pick-up ends before it, or with it.
     AND (r.place = 1 OR NOT r.behind_one_alone)
     AND (r.place = 1 OR r.bytes <= $5::text::int8)
),
picked AS (
  UPDATE ${jobs} j
     SET status = (CASE WHEN j.attempts < j.max_attempts THEN 'RUNNING' ELSE 'FAILED' END)::${statusType},
         attempts = j.attempts + CASE WHEN j.attempts < j.max_attempts THEN 1 ELSE 0 END,
         locked_by = CASE WHEN j.attempts < j.max_attempts THEN $6::text END,
         locked_at = CASE WHEN j.attempts < j.max_attempts THEN now() END,
         lease_holder = CASE WHEN j.attempts < j.max_attempts THEN $6::text END,
         lease_expires_at = CASE WHEN j.attempts < j.max_attempts THEN
           now() + least($7::text::float8,
                         CASE WHEN $8::text IS NOT NULL THEN coalesce(j.timeout_seconds, $8::text::float8) * 1000 END)
                   * interval '1 ms' + $9::text::float8 * interval '1 ms' END,
         finished_at = CASE WHEN j.attempts >= j.max_attempts THEN now() END,
         last_error = CASE WHEN j.attempts >= j.max_attempts
                           THEN coalesce(j.last_error, 'no attempt left: ' || j.attempts || ' of ' || j.max_attempts)
                           ELSE j.last_error END,
         duration_ms = NULL,
         updated_at = now()
   WHERE j.id = ANY (ARRAY(SELECT id FROM chosen))
  RETURNING j.id, j.status::text AS status
),
made_ready AS MATERIALIZED (
  SELECT job_type, run_after FROM settled WHERE status = 'READY'
   UNION ALL
  SELECT job_type, run_after FROM reaped WHERE status = 'READY'
),
-- Its commit waits for no disk. What is settled or reaped must outlive a crash; an attempt's beginning may be forgotten.
hastened AS MATERIALIZED (
  SELECT set_config('synchronous_commit', 'off', true)
   WHERE $16::text = 'true' AND NOT EXISTS (SELECT 1 FROM settled) AND NOT EXISTS (SELECT 1 FROM reaped)
),
-- Rows of before this statement, so a worker that has just begun to wait is told of its own work only by the loop.
woken AS MATERIALIZED (
  SELECT pg_notify(${quoteLiteral(channel)}, '')
   WHERE EXISTS (SELECT 1 FROM made_ready) AND EXISTS (SELECT 1 FROM ${waiting} w WHERE w.until > now())
),
guarded AS (
  INSERT INTO ${waiting} AS w (worker, until)
  SELECT $13::text, now() + $14::text::float8 * interval '1 ms' WHERE $13::text IS NOT NULL
      ON CONFLICT (worker) DO UPDATE SET until = excluded.until
),
-- Each process has a name of its own: whoever raises a guard clears away those that are long gone.
forgotten AS (
  DELETE FROM ${waiting} w
   WHERE w.worker = ANY (ARRAY(
           SELECT gone.worker FROM ${waiting} gone
            WHERE gone.worker <> $13::text AND gone.until < now() - interval '1 hour'
              FOR UPDATE SKIP LOCKED))
),
backlog AS MATERIALIZED (
  SELECT (SELECT count(*) FROM candidates) > (SELECT count(*) FROM chosen)
      OR EXISTS (SELECT 1 FROM handled WHERE priority IS NOT NULL)
      OR EXISTS (SELECT 1 FROM made_ready m JOIN handled h USING (job_type) WHERE m.run_after <= now()) AS more
),
lanes(job_type, priority) AS (
  SELECT h.job_type, (SELECT j.priority FROM ${jobs} j
                       WHERE j.status = 'READY' AND j.job_type = h.job_type
                       ORDER BY j.priority DESC LIMIT 1)
    FROM handled h
   UNION ALL
  SELECT l.job_type, (SELECT j.priority FROM ${jobs} j
                       WHERE j.status = 'READY' AND j.job_type = l.job_type AND j.priority < l.priority
                       ORDER BY j.priority DESC LIMIT 1)
    FROM lanes l WHERE l.priority IS NOT NULL
)
SELECT 'turn' AS kind,
       (SELECT string_agg(id::text, ',') FROM picked WHERE status = 'RUNNING') AS a,
       (SELECT more FROM backlog)::text AS b,
       CASE WHEN NOT (SELECT more FROM backlog) AND NOT EXISTS (SELECT 1 FROM candidates) THEN
         EXISTS (SELECT 1 FROM lanes l, LATERAL (
           SELECT 1 FROM ${jobs} j
            WHERE j.status = 'READY' AND j.job_type = l.job_type AND j.priority = l.priority AND j.run_after <= now()
            -- Any one will do; the order forbids a sequential scan that hopes to meet one soon.
            ORDER BY j.run_after LIMIT 1) due)
       END::text AS c,
       CASE WHEN NOT (SELECT more FROM backlog) THEN
         least((SELECT min(extract(epoch FROM next.run_after)) FROM lanes l, LATERAL (
                  SELECT j.run_after FROM ${jobs} j
                   WHERE j.status = 'READY' AND j.job_type = l.job_type AND j.priority = l.priority AND j.run_after > now()
                   ORDER BY j.run_after LIMIT 1) next),
               (SELECT min(extract(epoch FROM m.run_after)) FROM made_ready m JOIN handled h USING (job_type)))
         - extract(epoch FROM now())
       END::text AS d,
       CASE WHEN NOT (SELECT more FROM backlog) THEN
         (SELECT min(extract(epoch FROM CASE WHEN j.lease_holder = j.locked_by THEN j.lease_expires_at
                     WHEN $10::text::int4 > 0 THEN coalesce(j.locked_at, j.updated_at)
                          + coalesce(j.timeout_seconds, $11::text::float8) * interval '1 s' END))
            FROM ${jobs} j
           WHERE j.status = 'RUNNING'
             AND j.id NOT IN (SELECT id FROM settled)
             AND j.id NOT IN (SELECT id FROM expired)
             AND j.id NOT IN (SELECT value::int8 FROM json_array_elements_text($12::text::json)))
         - extract(epoch FROM now())
       END::text AS e,
       txid_snapshot_xmin(txid_current_snapshot())::text AS f,
       txid_current()::text AS g,
       pg_relation_size(${quoteLiteral(jobs)}::regclass)::text AS h,
       ((SELECT count(*) FROM woken) + (SELECT count(*) FROM hastened))::text AS i,
       CASE WHEN $15::text IS NOT NULL THEN pg_notify(${quoteLiteral(channel)}, $15::text)::text END AS j
UNION ALL
SELECT 'settlement', x.id::text, x.locked_by, coalesce(s.status, (
         SELECT CASE WHEN j.locked_by = x.locked_by AND j.status <> 'RUNNING' THEN 'already'
                     WHEN j.locked_by = x.locked_by AND j.attempts = x.attempts THEN 'busy'
                     WHEN j.status = 'CANCELLED' THEN 'cancelled'
                     ELSE 'lost' END
           FROM ${jobs} j WHERE j.id = x.id)), NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM input x LEFT JOIN settled s ON s.id = x.id AND s.locked_by = x.locked_by
 WHERE s.status IS DISTINCT FROM 'DONE'
UNION ALL
SELECT 'reaped', id::text, job_type, status, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM reaped
UNION ALL
-- Where something is due and was passed over: whoever goes on elsewhere must not pass it over for long.
(SELECT DISTINCT ON (c.job_type, c.priority) 'lane', (c.id - 1)::text, c.job_type, NULL, NULL, NULL, c.priority::text,
        (extract(epoch FROM c.run_after) * 1000)::float8::text, NULL, NULL, NULL
   FROM candidates c
  WHERE (c.job_type, c.priority) NOT IN (SELECT job_type, priority FROM chosen)
  ORDER BY c.job_type, c.priority, c.run_after, c.id)
UNION ALL
(SELECT CASE WHEN c.alone THEN 'alone' ELSE 'job' END, c.id::text, c.job_type, c.payload, c.attempts::text, c.max_attempts::text, c.priority::text,
        (extract(epoch FROM c.run_after) * 1000)::float8::text, c.timeout_seconds::text, c.dedupe_key,
        (extract(epoch FROM c.created_at) * 1000)::float8::text
   FROM chosen c ORDER BY c.place)`;
}
