import { momentText } from "../sql/moment-text.ts";
import { quoteLiteral } from "../sql/table-names.ts";
import type { TableNames } from "../sql/table-names.ts";
import { USUAL } from "../job.ts";
import { LEASE_LOST, NO_PICKING, pickingText } from "./pickup-text.ts";
import { DUE_LANES_LEFT, LANES_LEFT, inLanes } from "./lanes-text.ts";
import type { LaneDepth } from "./lanes-text.ts";
import { keepingError } from "./attempt-errors-text.ts";
import { NO_SETTLING, settlingText } from "./settle-text.ts";

/**
 * What a turn does: all that there is, or but one thing. The last three are for pick-ups that follow a refusal: all
 * `without` the jobs of `$12`, `only` those, or a `look` at what the first of them would take.
 */
export type TurnScope = "whole" | "pick-up" | "settling" | "without" | "only" | "look";

/**
 * The turn's text: settle what ended, reap what is lost, pick up what is due,
 * and tell the caller how long it may sleep, in one statement and one snapshot.
 * One that does less is shorter, as its scope says: what it leaves out is there as an empty relation, which the planner
 * drops, and with it up to half of what a small turn takes (measured: 0.9 against 0.6 ms where nothing is due).
 *
 * | parameter | meaning |
 * | --- | --- |
 * | `$1` | where to pick up, a JSON list of `{t, p, r, i, m, s}`: a job type; of a lane to go on in, its priority and the key of the last job picked up; the most to look at there; and what becomes of jobs that must run alone |
 * | `$2` | free slots |
 * | `$3` | buffer: how many more, of jobs never attempted |
 * | `$4` | most bytes of payload |
 * | `$5` | `locked_by` of this pick-up, with its nonce |
 * | `$6` | lease in ms |
 * | `$7` | seconds of a handler without `timeout_seconds`, if that also bounds the lease; or null |
 * | `$8` | ms added to the lease after both bounds |
 * | `$9` | `true` commits a turn asynchronously that settles and reaps nothing |
 * | `$10` | most jobs to reap, 0 for none |
 * | `$11` | seconds after which a row without a lease is lost (the Python rule) |
 * | `$12` | ids that the caller is running, an array: it is alive to extend them; and those that the scope is about |
 * | `$13` | worker that waits for NOTIFY from now on, or null |
 * | `$14` | for how many ms its guard stands |
 * | `$15` | payload of a probing NOTIFY, or null; left out while the queue of NOTIFYs is full, which would refuse the turn |
 * | `$16` – `$24` | settlements, each a column as an array: ids, attempts, which of `$25`, outcomes, durations in ms, results, errors, ms until due, or due when in epoch ms. A column of what is usual, or of what is absent, is empty; else what is absent is {@link ABSENT} |
 * | `$25` | the `locked_by` of the settlements, an array of each once |
 * | `$26` | for how many ms the pick-up may be held up: later it takes nothing; or null. `$10` of one that is alone |
 * | `$27` | job types that the worker of `$13` waits for, an array, or null for all |
 *
 * Why it is written as it is:
 * - The fence stands inside one CASE, and rows are found by `id = ANY(ARRAY(…))`. Written plainly,
 *   `status = 'RUNNING'` is estimated at one row, and the join becomes quadratic.
 * - `held`, `expired` and `candidates` lock with SKIP LOCKED: no row that somebody else holds
 *   delays another row, and nothing here can be part of a deadlock.
 * - They lock FOR NO KEY UPDATE: a row that refers to a job by a foreign key holds FOR KEY SHARE until its transaction
 *   ends, and a handler's own open transaction must not look like a rival's. A prune alone deletes, and locks for that.
 * - All parts see the snapshot of before: reap must leave out by name what is settled, and
 *   a job that is made READY here is picked up by the next turn (`more` says so).
 * - Each type's priorities are walked one by one (`lane`), and a lane is one range of the index: a
 *   million jobs that are not due cost one probe, on PostgreSQL before 18 too. Where a type has very many priorities the
 *   walk ends early, and the next turn finds them by what is due ({@link LaneDepth}). Nested in LATERAL the
 *   walk is lazy and ends at the LIMIT. The planner may not reorder a LATERAL, so lanes come in order.
 * - Of many types or lanes each is looked at for a share (`m`), as looking at a row locks it. The order stays exact: where
 *   a share is full, nothing is chosen from its last job on, in whatever lane.
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
 *
 * @param schedules whether the table has schedules: one of an older version does not, and the turn only sees whether it does
 *   by now
 */
export function turnText(
  names: TableNames,
  scope: TurnScope = "whole",
  depth: LaneDepth = "shallow",
  schedules = true,
  errors = true,
): string {
  const settles = scope !== "pick-up";
  const picksUp = scope !== "settling";
  const whole = settles && picksUp;
  const looks = scope === "look";
  const which = WHICH[scope];
  const parts = [
    settles ? settlingText(names, whole ? 16 : 1, errors) : NO_SETTLING,
    whole ? reapingText(names, errors) : NO_REAPING,
    picksUp ? pickingText(names, whole ? 26 : 10, { depth, which, looks, schedules, errors }) : NO_PICKING,
    madeReadyText(picksUp ? depth : "shallow"),
    ...(whole ? [guardingText(names)] : []),
  ];
  const answers = [
    ...(picksUp ? [looks ? CHOSEN : PICKED] : []),
    turnRowText(names, scope, depth),
    ...(settles ? [unsettledText(names)] : []),
    ...(whole ? [REAPED, nextTickText(names, schedules, errors)] : []),
    ...(picksUp ? [PASSED_OVER] : []),
  ];
  return `WITH RECURSIVE ${parts.join(",\n")}\n${answers.join("\nUNION ALL\n")}`;
}

function reapingText({ jobs, statusType }: TableNames, errors: boolean): string {
  const lost = `'${LEASE_LOST}' || coalesce(j.locked_by, 'nobody') || ' neither settled nor extended it'`;
  return `expired AS MATERIALIZED (
  SELECT j.id
    FROM ${jobs} j
   WHERE j.status = 'RUNNING'
     AND CASE WHEN j.lease_holder = j.locked_by THEN j.lease_expires_at <= now()
              ELSE coalesce(j.locked_at, j.updated_at)
                   < now() - coalesce(j.timeout_seconds, $11::text::float8) * interval '1 s' END
     AND j.id NOT IN (SELECT id FROM input)
     AND j.id NOT IN (SELECT unnest($12::text::int8[]))
   ORDER BY j.id
   LIMIT (SELECT $10::text::int4)
     FOR NO KEY UPDATE SKIP LOCKED
),
reaped AS (
  UPDATE ${jobs} j
     SET status = CASE WHEN j.attempts < j.max_attempts THEN 'READY'::${statusType} ELSE 'FAILED'::${statusType} END,
         finished_at = CASE WHEN j.attempts >= j.max_attempts THEN now() END,
         last_error = ${lost},${errors ? `\n         ${keepingError("'lost'", lost, "NULL::int4", null)}` : ""}
         locked_at = NULL, locked_by = NULL, lease_expires_at = NULL, lease_holder = NULL,
         updated_at = now()
   WHERE j.id = ANY (ARRAY(SELECT id FROM expired))
  RETURNING j.id, j.job_type, j.status, j.run_after
)`;
}

const NO_REAPING = [
  "expired AS (SELECT 0::int8 AS id WHERE false)",
  "reaped AS (SELECT '' AS job_type, now() AS run_after, '' AS status WHERE false)",
].join(",\n");

function madeReadyText(depth: LaneDepth): string {
  return `made_ready AS MATERIALIZED (
  SELECT job_type, run_after FROM undone WHERE status = 'READY'
   UNION ALL
  SELECT job_type, run_after FROM reaped WHERE status = 'READY'
),
backlog AS MATERIALIZED (
  SELECT EXISTS (SELECT 1 FROM ranked WHERE NOT chosen)
      OR EXISTS (SELECT 1 FROM handled WHERE priority IS NOT NULL)
      OR EXISTS (SELECT 1 FROM made_ready m JOIN handled h USING (job_type) WHERE m.run_after <= now())${
        depth === "deep" ? ` OR ${DUE_LANES_LEFT}` : ""
      } AS more
)`;
}

function guardingText({ waiting }: TableNames): string {
  return `guarded AS (
  INSERT INTO ${waiting} AS w (worker, until, types)
  SELECT $13::text, now() + $14::text::float8 * interval '1 ms', $27::text::text[] WHERE $13::text IS NOT NULL
      ON CONFLICT (worker) DO UPDATE SET until = excluded.until, types = excluded.types
),
-- Each process has a name of its own: a turn that raises a guard clears away those that are long gone.
forgotten AS (
  DELETE FROM ${waiting} w
   WHERE w.worker = ANY (ARRAY(
           SELECT gone.worker FROM ${waiting} gone
            WHERE $13::text IS NOT NULL AND gone.worker <> $13::text AND gone.until < now() - interval '1 hour'
            ORDER BY gone.until LIMIT 100
              FOR UPDATE SKIP LOCKED))
)`;
}

/** Which jobs a pick-up is about: those that a caller runs are none of them, being READY no longer. */
const WHICH: Readonly<Partial<Record<TurnScope, string>>> = {
  without: " AND j.id <> ALL ($12::text::int8[])",
  look: " AND j.id <> ALL ($12::text::int8[])",
  only: " AND j.id = ANY ($12::text::int8[])",
};

/** Of what would be picked up, in order. */
const CHOSEN = `(SELECT 'candidate' AS kind, r.id::text AS a, NULL AS b, NULL AS c, NULL AS d, NULL AS e, NULL AS f, NULL AS g, NULL AS h, NULL AS i, NULL AS j
   FROM ranked r WHERE r.chosen ORDER BY r.priority DESC, r.run_after, r.id)`;

/** Of what was picked up. By the caller sorted, and what most jobs have left out: each value that is told costs both sides. */
const PICKED = `SELECT CASE WHEN p.status = 'FAILED' THEN 'exhausted' WHEN EXISTS (SELECT 1 FROM ranked WHERE chosen AND alone) THEN 'alone' ELSE 'job' END AS kind,
       p.id::text AS a, p.job_type AS b, p.payload::text AS c,
       CASE WHEN p.attempts <> ${USUAL.attempts} THEN concat_ws(' ', p.attempts, p.errors) END AS d, nullif(p.max_attempts, ${USUAL.maxAttempts})::text AS e,
       nullif(p.priority, ${USUAL.priority})::text AS f, ${momentText("p.run_after")} AS g,
       p.timeout_seconds::text AS h, p.dedupe_key AS i,
       CASE WHEN p.schedule IS NOT NULL THEN concat(${momentText("p.created_at")}, ' ', ${momentText("p.scheduled_for")}, ' ', p.schedule)
            WHEN p.created_at <> p.run_after THEN ${momentText("p.created_at")} END AS j
  FROM (SELECT * FROM picked UNION ALL SELECT * FROM exhausted) p`;

function turnRowText({ jobs, waiting, channel }: TableNames, scope: TurnScope, depth: LaneDepth): string {
  const picksUp = scope !== "settling";
  const whole = picksUp && scope !== "pick-up";
  const probe = `CASE WHEN $15::text IS NOT NULL AND pg_notification_queue_usage() < ${FULL_QUEUE}
         THEN pg_notify(${quoteLiteral(channel)}, $15::text)::text END`;
  // Before this turn: what has emptied the table of those who wait has taken the caller's guard too.
  const stood = `CASE WHEN $13::text IS NOT NULL
         THEN EXISTS (SELECT 1 FROM ${waiting} w WHERE w.worker = $13::text AND w.until > now()) END::text`;
  return `SELECT 'turn' AS kind,
       ${!picksUp || depth === "deep" ? MORE : MORE_OR_DEEPER} AS a,
       ${picksUp ? sleepText(jobs, whole, depth, WHICH[scope]) : NOT_ASKED},
       txid_snapshot_xmin(txid_current_snapshot())::text AS e,
       txid_current()::text AS f,
       ${whole ? `CASE WHEN row_security_active(${quoteLiteral(jobs)}::regclass) THEN '-' ELSE '' END || ` : ""}pg_relation_size(${quoteLiteral(jobs)}::regclass)::text AS g,
       ${picksUp ? `concat_ws(' ', ${SERVER_US}, (SELECT count(*) FROM hastened)${whole ? `, ${probe}` : ""})` : "NULL"} AS h,
       ${whole ? stood : "NULL"} AS i,
       ${picksUp ? "(date_part('epoch', clock_timestamp()) * 1000000)::int8::text" : "NULL"} AS j`;
}

/** Microseconds since the statement's arrival. */
const SERVER_US = "(date_part('epoch', clock_timestamp() - now()) * 1000000)::int8";
const MORE = "(SELECT more FROM backlog)::text";
const MORE_OR_DEEPER = `CASE WHEN ${LANES_LEFT} THEN 'deeper' ELSE ${MORE} END`;

/** A share of the queue of NOTIFYs: one that is full refuses commits, and the rest is for others. */
const FULL_QUEUE = 0.9;

/** A worker that only settles has others in hand, and does not ask how long to sleep. */
const NOT_ASKED = "NULL AS b, NULL AS c, NULL AS d";

/** Whether something is due that somebody else has locked, and the ms until the next is due, and until the next lease ends. */
function sleepText(jobs: string, reaps: boolean, depth: LaneDepth, which = ""): string {
  const due = (from: string, condition: string): string => `EXISTS (SELECT 1 FROM ${from}, LATERAL (
           SELECT 1 FROM ${jobs} j
            WHERE j.status = 'READY' AND ${condition} AND j.run_after <= now()${which}
            -- Any one will do; the order forbids a sequential scan that hopes to meet one soon.
            ORDER BY j.run_after LIMIT 1) due)`;
  const next = (
    from: string,
    condition: string,
  ): string => `(SELECT min(extract(epoch FROM next.run_after)) FROM ${from}, LATERAL (
                  SELECT j.run_after FROM ${jobs} j
                   WHERE j.status = 'READY' AND ${condition} AND j.run_after > now() AND j.run_after < 'infinity'
                   ORDER BY j.run_after LIMIT 1) next)`;
  return `CASE WHEN NOT (SELECT more FROM backlog) AND NOT EXISTS (SELECT 1 FROM candidates) THEN
         ${inLanes(depth, due, "\n         OR ")}
       END::text AS b,
       CASE WHEN NOT (SELECT more FROM backlog) THEN
         ceil(1000 * (least(${inLanes(depth, next, ",\n               ")},
               (SELECT min(extract(epoch FROM m.run_after)) FROM made_ready m JOIN handled h USING (job_type)
                WHERE m.run_after < 'infinity'))
         - extract(epoch FROM now())))::int8
       END::text AS c,
       CASE WHEN NOT (SELECT more FROM backlog) AND (EXISTS (SELECT 1 FROM handled)${reaps ? " OR $10::text::int4 > 0" : ""}) THEN
         ceil(1000 * ((SELECT min(extract(epoch FROM lease.ends))
            FROM (SELECT CASE WHEN j.lease_holder = j.locked_by THEN j.lease_expires_at
                     ${reaps ? PYTHON_LEASE_END : ""} END AS ends
            ${reaps ? otherRunningText(jobs) : runningText(jobs)}) lease WHERE isfinite(lease.ends))
         - extract(epoch FROM now())))::int8
       END::text AS d`;
}

/** Only a reap says how long a row without a lease may stand. */
const PYTHON_LEASE_END = `WHEN $10::text::int4 > 0 THEN coalesce(j.locked_at, j.updated_at)
                          + coalesce(j.timeout_seconds, $11::text::float8) * interval '1 s'`;

function runningText(jobs: string): string {
  return `FROM ${jobs} j WHERE j.status = 'RUNNING'`;
}

/** But for those that this very turn settles or reaps, and the caller's own. */
function otherRunningText(jobs: string): string {
  return `FROM ${jobs} j
           WHERE j.status = 'RUNNING'
             AND j.id NOT IN (SELECT id FROM done UNION ALL SELECT id FROM undone)
             AND j.id NOT IN (SELECT id FROM expired)
             AND j.id NOT IN (SELECT unnest($12::text::int8[]))`;
}

/** What is not named is DONE, as most are. */
function unsettledText({ jobs }: TableNames): string {
  return `SELECT 'settlement', x.id::text, x.locked_by, coalesce(u.status::text, (
         -- A cancel by the Python package leaves the holder, and is no settlement all the same.
         SELECT CASE WHEN j.status = 'CANCELLED' THEN 'cancelled'
                     WHEN j.locked_by = x.locked_by AND j.status <> 'RUNNING' THEN 'already ' || j.status::text
                     WHEN j.locked_by = x.locked_by AND j.attempts = x.attempts THEN 'busy'
                     ELSE 'lost' END
           FROM ${jobs} j WHERE j.id = x.id)), NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM input x LEFT JOIN undone u ON u.id = x.id AND u.locked_by = x.locked_by
 WHERE (SELECT count(*) FROM done) < (SELECT count(*) FROM input)
   AND (x.id, x.locked_by) NOT IN (SELECT id, locked_by FROM done)`;
}

const REAPED =
  "SELECT 'reaped', id::text, job_type, status::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM reaped";

/** Whether the table keeps the history of attempts, and lets the role write it: 'errors', or NULL. */
export function keepsErrorsText(jobs: string): string {
  return `(SELECT 'errors' FROM pg_attribute a WHERE a.attrelid = ${quoteLiteral(jobs)}::regclass AND a.attname = 'errors'
           AND NOT a.attisdropped AND has_column_privilege(a.attrelid, a.attnum, 'UPDATE'))`;
}

/** Milliseconds until the next tick of a schedule, 0 where there may be one; and whether the table keeps errors by now, where it did not. */
function nextTickText({ schedules: table, jobs }: TableNames, schedules: boolean, errors: boolean): string {
  const ms = schedules
    ? `(SELECT ceil(1000 * extract(epoch FROM s.next_tick - now()))::int8 FROM ${table} s
         WHERE s.next_tick IS NOT NULL ORDER BY s.next_tick LIMIT 1)::text`
    : `CASE WHEN has_table_privilege(to_regclass(${quoteLiteral(table)}), 'SELECT') THEN '0' END`;
  const keeps = errors ? "NULL" : keepsErrorsText(jobs);
  return `SELECT 'tick', ${ms}, ${keeps}, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`;
}

/** Where something is due and was passed over: a worker that goes on elsewhere must not pass it over for long. */
const PASSED_OVER = `(SELECT DISTINCT ON (r.job_type, r.priority) 'lane', (r.id - 1)::text, r.job_type, CASE WHEN r.alone THEN 'alone' END, NULL, NULL,
        nullif(r.priority, ${USUAL.priority})::text,
        ${momentText("r.run_after")}, NULL, NULL, NULL
   FROM ranked r
  WHERE NOT r.chosen AND r.id IS NOT NULL
  ORDER BY r.job_type, r.priority, r.run_after, r.id)`;
