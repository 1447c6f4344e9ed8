import { quoteLiteral } from "./identifiers.ts";
import type { TableNames } from "./identifiers.ts";
import { USUAL } from "./job.ts";
import { settlingText } from "./settling-text.ts";

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
 * | `$1` – `$9` | settlements, each a column as an array: ids, attempts, which of `$10`, outcomes, durations in ms, results, errors, ms until due, or due when in epoch ms. What is usual is NULL, and a column of nulls is empty |
 * | `$10` | the `locked_by` of the settlements, an array of each once |
 * | `$11` | where to pick up, a JSON list of `{t, p, r, i}`: a job type; and, of a lane to go on in, its priority and the key of the last job picked up |
 * | `$12` | free slots |
 * | `$13` | buffer: how many more, of jobs never attempted |
 * | `$14` | most bytes of payload |
 * | `$15` | `locked_by` of this pick-up, with its nonce |
 * | `$16` | lease in ms |
 * | `$17` | seconds of a handler without `timeout_seconds`, if that also bounds the lease; or null |
 * | `$18` | ms added to the lease after both bounds |
 * | `$19` | most jobs to reap, 0 for none |
 * | `$20` | seconds after which a row without a lease is lost (the Python rule) |
 * | `$21` | ids that the caller is running, an array: it is alive to extend them |
 * | `$22` | worker that waits for NOTIFY from now on, or null |
 * | `$23` | for how many ms its guard stands |
 * | `$24` | payload of a probing NOTIFY, or null |
 * | `$25` | `true` commits a turn asynchronously that settles and reaps nothing |
 *
 * Why it is written as it is:
 * - The fence stands inside one CASE, and rows are found by `id = ANY(ARRAY(…))`. Written plainly,
 *   `status = 'RUNNING'` is estimated at one row, and the join becomes quadratic.
 * - `held`, `expired` and `candidates` lock with SKIP LOCKED: no row that somebody else holds
 *   delays another row, and nothing here can be part of a deadlock.
 * - All parts see the snapshot of before: reap must leave out by name what is settled, and
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
 * - A thousand jobs go through it at once, so what is done for each is little: lists are opened as columns, not looked
 *   into by name; a status is a constant, not a text to be read; who picks up decides nothing row by row; and the answer
 *   leaves out what most jobs have.
 * - A snapshot's xmax is not the next transaction's id, but one past the last that has ended: those that
 *   began later and are still open lie beyond it. An id of this turn's own is later than all of them.
 */
export function turnText({ jobs, statusType, waiting, channel }: TableNames): string {
  return `
WITH RECURSIVE ${settlingText({ jobs, statusType })},
expired AS MATERIALIZED (
  SELECT j.id
    FROM ${jobs} j
   WHERE j.status = 'RUNNING'
     AND CASE WHEN j.lease_holder = j.locked_by THEN j.lease_expires_at <= now()
              ELSE coalesce(j.locked_at, j.updated_at)
                   < now() - coalesce(j.timeout_seconds, $20::text::float8) * interval '1 s' END
     AND j.id NOT IN (SELECT id FROM input)
     AND j.id NOT IN (SELECT unnest($21::text::int8[]))
   ORDER BY j.id
   LIMIT (SELECT $19::text::int4)
     FOR UPDATE SKIP LOCKED
),
reaped AS (
  UPDATE ${jobs} j
     SET status = CASE WHEN j.attempts < j.max_attempts THEN 'READY'::${statusType} ELSE 'FAILED'::${statusType} END,
         finished_at = CASE WHEN j.attempts >= j.max_attempts THEN now() END,
         last_error = '${LEASE_LOST}' || coalesce(j.locked_by, 'nobody') || ' neither settled nor extended it',
         locked_at = NULL, locked_by = NULL, lease_expires_at = NULL, lease_holder = NULL,
         updated_at = now()
   WHERE j.id = ANY (ARRAY(SELECT id FROM expired))
  RETURNING j.id, j.job_type, j.status, j.run_after
),
handled AS MATERIALIZED (
  SELECT DISTINCT x.t AS job_type, x.p AS priority, coalesce(to_timestamp(x.r / 1000), '-infinity') AS after_due,
         coalesce(x.i, ${LEAST_ID}) AS after_id
    FROM json_to_recordset($11::text::json) AS x(t text, p int4, r float8, i int8)
   -- No more than there are: a list is taken for a hundred rows otherwise. By a subselect it is taken for ten.
   LIMIT (SELECT json_array_length($11::text::json))
),
-- One more than there is room for tells whether more is due; where there is none, nothing is looked at.
wanted AS (SELECT (n + sign(n))::int4 AS n FROM (SELECT $12::text::int4 + $13::text::int4) room (n)),
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
        SELECT j.id, j.job_type, j.priority, j.run_after, j.attempts, j.max_attempts,
               octet_length(j.payload::text) AS bytes,
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
ranked AS MATERIALIZED (
  SELECT r.id, r.job_type, r.priority, r.run_after, r.attempts < r.max_attempts AS runs, r.alone,
         r.place < (SELECT n FROM wanted)
           -- A job that killed its worker must not take a buffer of neighbours with it, least of all their only attempt.
           AND (r.place <= $12::text::int4 OR r.attempts = 0 AND r.max_attempts > 1)
           -- And one that may do so again takes no neighbours at all: the pick-up ends before it, or with it.
           AND (r.place = 1 OR NOT r.behind_one_alone)
           AND (r.place = 1 OR r.bytes_so_far <= $14::text::int8) AS chosen
    FROM (
      SELECT c.*, row_number() OVER best AS place, sum(c.bytes) OVER best AS bytes_so_far,
             bool_or(c.alone) OVER best AS behind_one_alone
        FROM candidates c
      WINDOW best AS (ORDER BY c.priority DESC, c.run_after, c.id ROWS UNBOUNDED PRECEDING)
    ) r
),
lease AS (
  SELECT now() + ($16::text::float8 + $18::text::float8) * interval '1 ms' AS longest
),
picked AS (
  UPDATE ${jobs} j
     SET status = 'RUNNING', attempts = j.attempts + 1, locked_by = $15::text, locked_at = now(),
         lease_holder = $15::text,
         lease_expires_at = CASE
           WHEN $17::text IS NULL THEN (SELECT longest FROM lease)
           ELSE least((SELECT longest FROM lease),
                      now() + coalesce(j.timeout_seconds, $17::text::float8) * interval '1 s'
                            + $18::text::float8 * interval '1 ms')
         END,
         finished_at = NULL, duration_ms = NULL, updated_at = now()
   WHERE j.id = ANY (ARRAY(SELECT id FROM ranked WHERE chosen AND runs))
  RETURNING j.id, j.job_type, j.payload, j.status, j.attempts, j.max_attempts, j.priority, j.run_after, j.timeout_seconds,
            j.dedupe_key, j.created_at
),
exhausted AS (
  UPDATE ${jobs} j
     SET status = 'FAILED', locked_by = NULL, locked_at = NULL, lease_holder = NULL, lease_expires_at = NULL,
         finished_at = now(),
         last_error = coalesce(j.last_error, 'no attempt left: ' || j.attempts || ' of ' || j.max_attempts),
         duration_ms = NULL, updated_at = now()
   WHERE j.id = ANY (ARRAY(SELECT id FROM ranked WHERE chosen AND NOT runs))
  RETURNING j.id, j.job_type, j.payload, j.status, j.attempts, j.max_attempts, j.priority, j.run_after, j.timeout_seconds,
            j.dedupe_key, j.created_at
),
made_ready AS MATERIALIZED (
  SELECT job_type, run_after FROM undone WHERE status = 'READY'
   UNION ALL
  SELECT job_type, run_after FROM reaped WHERE status = 'READY'
),
-- Its commit waits for no disk. What is settled or reaped must outlive a crash; an attempt's beginning may be forgotten.
hastened AS MATERIALIZED (
  SELECT set_config('synchronous_commit', 'off', true)
   WHERE $25::text = 'true' AND NOT EXISTS (SELECT 1 FROM done) AND NOT EXISTS (SELECT 1 FROM undone)
     AND NOT EXISTS (SELECT 1 FROM reaped)
),
-- Rows of before this statement, so a worker that has just begun to wait is told of its own work only by the loop.
woken AS MATERIALIZED (
  SELECT pg_notify(${quoteLiteral(channel)}, '')
   WHERE EXISTS (SELECT 1 FROM made_ready) AND EXISTS (SELECT 1 FROM ${waiting} w WHERE w.until > now())
),
guarded AS (
  INSERT INTO ${waiting} AS w (worker, until)
  SELECT $22::text, now() + $23::text::float8 * interval '1 ms' WHERE $22::text IS NOT NULL
      ON CONFLICT (worker) DO UPDATE SET until = excluded.until
),
-- Each process has a name of its own: whoever raises a guard clears away those that are long gone.
forgotten AS (
  DELETE FROM ${waiting} w
   WHERE w.worker = ANY (ARRAY(
           SELECT gone.worker FROM ${waiting} gone
            WHERE gone.worker <> $22::text AND gone.until < now() - interval '1 hour'
              FOR UPDATE SKIP LOCKED))
),
backlog AS MATERIALIZED (
  SELECT EXISTS (SELECT 1 FROM ranked WHERE NOT chosen)
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
-- By the caller sorted, and what most jobs have left out: each value that is told costs both sides.
SELECT CASE WHEN p.status = 'FAILED' THEN 'exhausted' WHEN EXISTS (SELECT 1 FROM ranked WHERE chosen AND alone) THEN 'alone' ELSE 'job' END AS kind,
       p.id::text AS a, p.job_type AS b, p.payload::text AS c,
       nullif(p.attempts, ${USUAL.attempts})::text AS d, nullif(p.max_attempts, ${USUAL.maxAttempts})::text AS e,
       nullif(p.priority, ${USUAL.priority})::text AS f, (date_part('epoch', p.run_after) * 1000)::text AS g,
       p.timeout_seconds::text AS h, p.dedupe_key AS i,
       CASE WHEN p.created_at <> p.run_after THEN (date_part('epoch', p.created_at) * 1000)::text END AS j
  FROM (SELECT * FROM picked UNION ALL SELECT * FROM exhausted) p
UNION ALL
SELECT 'turn',
       (SELECT more FROM backlog)::text,
       CASE WHEN NOT (SELECT more FROM backlog) AND NOT EXISTS (SELECT 1 FROM candidates) THEN
         EXISTS (SELECT 1 FROM lanes l, LATERAL (
           SELECT 1 FROM ${jobs} j
            WHERE j.status = 'READY' AND j.job_type = l.job_type AND j.priority = l.priority AND j.run_after <= now()
            -- Any one will do; the order forbids a sequential scan that hopes to meet one soon.
            ORDER BY j.run_after LIMIT 1) due)
       END::text,
       CASE WHEN NOT (SELECT more FROM backlog) THEN
         least((SELECT min(extract(epoch FROM next.run_after)) FROM lanes l, LATERAL (
                  SELECT j.run_after FROM ${jobs} j
                   WHERE j.status = 'READY' AND j.job_type = l.job_type AND j.priority = l.priority AND j.run_after > now()
                   ORDER BY j.run_after LIMIT 1) next),
               (SELECT min(extract(epoch FROM m.run_after)) FROM made_ready m JOIN handled h USING (job_type)))
         - extract(epoch FROM now())
       END::text,
       -- Whoever only settles has others in hand, and does not ask.
       CASE WHEN NOT (SELECT more FROM backlog) AND (EXISTS (SELECT 1 FROM handled) OR $19::text::int4 > 0) THEN
         (SELECT min(extract(epoch FROM CASE WHEN j.lease_holder = j.locked_by THEN j.lease_expires_at
                     WHEN $19::text::int4 > 0 THEN coalesce(j.locked_at, j.updated_at)
                          + coalesce(j.timeout_seconds, $20::text::float8) * interval '1 s' END))
            FROM ${jobs} j
           WHERE j.status = 'RUNNING'
             AND j.id NOT IN (SELECT id FROM done UNION ALL SELECT id FROM undone)
             AND j.id NOT IN (SELECT id FROM expired)
             AND j.id NOT IN (SELECT unnest($21::text::int8[])))
         - extract(epoch FROM now())
       END::text,
       txid_snapshot_xmin(txid_current_snapshot())::text,
       txid_current()::text,
       pg_relation_size(${quoteLiteral(jobs)}::regclass)::text,
       ((SELECT count(*) FROM woken) + (SELECT count(*) FROM hastened))::text,
       CASE WHEN $24::text IS NOT NULL THEN pg_notify(${quoteLiteral(channel)}, $24::text)::text END,
       NULL
UNION ALL
-- What is not named is DONE, as most are.
SELECT 'settlement', x.id::text, x.locked_by, coalesce(u.status::text, (
         SELECT CASE WHEN j.locked_by = x.locked_by AND j.status <> 'RUNNING' THEN 'already'
                     WHEN j.locked_by = x.locked_by AND j.attempts = x.attempts THEN 'busy'
                     WHEN j.status = 'CANCELLED' THEN 'cancelled'
                     ELSE 'lost' END
           FROM ${jobs} j WHERE j.id = x.id)), NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM input x LEFT JOIN undone u ON u.id = x.id AND u.locked_by = x.locked_by
 WHERE (SELECT count(*) FROM done) < (SELECT count(*) FROM input)
   AND (x.id, x.locked_by) NOT IN (SELECT id, locked_by FROM done)
UNION ALL
SELECT 'reaped', id::text, job_type, status::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM reaped
UNION ALL
-- Where something is due and was passed over: whoever goes on elsewhere must not pass it over for long.
(SELECT DISTINCT ON (r.job_type, r.priority) 'lane', (r.id - 1)::text, r.job_type, NULL, NULL, NULL,
        nullif(r.priority, ${USUAL.priority})::text,
        (date_part('epoch', r.run_after) * 1000)::text, NULL, NULL, NULL
   FROM ranked r
  WHERE NOT r.chosen
  ORDER BY r.job_type, r.priority, r.run_after, r.id)`;
}
