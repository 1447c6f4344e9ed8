import { ABSENT, USUAL } from "../../job.ts";
import { SETTLEMENT, rowText } from "../answer-rows.ts";
import { keepingError } from "./attempt-errors.ts";
import { clause } from "./clause.ts";
import type { Settlement } from "../settlement.ts";
import type { TurnVariant } from "./clause.ts";
import { SETTLEMENT_COLUMNS, settlementColumns } from "./settlement-columns.ts";

/** How often a job may be released before a release counts as an attempt. */
const MAX_RELEASES = 10;
const GIVEN_BACK = `'given back by shutdowns ${MAX_RELEASES} times: from now on such an attempt counts'`;

/**
 * Settles: `input` are the settlements, `locked` their rows, but for those that another transaction has locked; `done`
 * those that are DONE now, and `not_done` the others. Most are done, and a statement of their own, which decides nothing,
 * takes an eighth off their time.
 *
 * - A thousand jobs go through it at once, so what is done for each is little: settlements are columns, each an array, and
 *   not objects that the server looks into by name; a status is a constant, not a text to be read.
 * - A column of what is usual, or of what is absent, is empty; else what is absent is {@link ABSENT}.
 * - The fence stands inside one CASE, and rows are found by `id = ANY(ARRAY(…))`. Written plainly, `status = 'RUNNING'` is
 *   estimated at one row, and the join becomes quadratic. `not_done` may say plainly what it wants of `input`; said so by
 *   `done` it would be taken for one row as well.
 * - `locked` locks with SKIP LOCKED: no row that another transaction holds delays another row, and nothing here can be part
 *   of a deadlock. It locks FOR NO KEY UPDATE: a row that refers to a job by a foreign key holds FOR KEY SHARE until its
 *   transaction ends, and a handler's own open transaction must not look like a rival's.
 */
export const settle = clause({
  parameters: SETTLEMENT_COLUMNS,
  encode: ({ settlements = [] }) => settlementColumns(settlements),
  text: settleText,
  absent: [
    "input AS (SELECT 0::int8 AS id WHERE false)",
    "done AS (SELECT 0::int8 AS id WHERE false)",
    "not_done AS (SELECT 0::int8 AS id, '' AS job_type, now() AS run_after, '' AS status WHERE false)",
  ].join(",\n"),
});

/** Whether the rows of some jobs go when they are done. */
export const deletesSome = (settlements: readonly Settlement[] = []): boolean =>
  settlements.some((settlement) => settlement.outcome === "done" && settlement.remove);

function settleText({ names: { jobs, statusType }, errors, deletes }: TurnVariant): string {
  const [done, ends] = deletes ? ["kept", "NOT IN ('done', 'delete')"] : ["done", "<> 'done'"];
  const removed = deletes
    ? `removed AS (
  DELETE FROM ${jobs} j USING input x
   WHERE j.id = ANY (ARRAY(SELECT id FROM locked))
     AND j.id = x.id
     AND CASE WHEN x.outcome = 'delete' AND j.status = 'RUNNING' AND j.attempts = x.attempts AND j.locked_by = x.locked_by
              THEN true END
  RETURNING j.id, j.locked_by
),
done AS (SELECT * FROM kept UNION ALL SELECT * FROM removed),
`
    : "";
  const released = `x.outcome = 'release' AND j.released < ${MAX_RELEASES}`;
  const kind =
    "CASE x.outcome WHEN 'retry' THEN 'failed' WHEN 'fail' THEN 'failed' WHEN 'release' THEN 'released' ELSE x.outcome END";
  const history = errors
    ? `\n         ${keepingError(kind, `coalesce(x.error, ${GIVEN_BACK})`, "x.duration_ms", `x.outcome = 'snooze' OR ${released}`)}`
    : "";
  const [ready, failed] = [`'READY'::${statusType}`, `'FAILED'::${statusType}`];
  return `input AS MATERIALIZED (
  SELECT x.id, coalesce(x.attempts, ${USUAL.attempts}) AS attempts, ((SELECT :holders))[coalesce(x.holder, 1)] AS locked_by,
         coalesce(x.outcome, '${USUAL.outcome}') AS outcome, nullif(x.duration_ms, ${ABSENT.number}) AS duration_ms,
         nullif(x.result, '${ABSENT.json}') AS result, nullif(x.error, '${ABSENT.text}') AS error,
         coalesce(to_timestamp(nullif(x.due, ${ABSENT.number}) / 1000),
                  now() + nullif(x.wait, ${ABSENT.number}) * interval '1 ms') AS run_after
    FROM unnest(:settledIds, :attempts, :holderPlaces, :outcomes, :durations,
                :results, :errors, :waits, :dueTimes)
      AS x(id, attempts, holder, outcome, duration_ms, result, error, wait, due)
),
locked AS MATERIALIZED (
  SELECT j.id
    FROM ${jobs} j
   WHERE j.id = ANY (ARRAY(SELECT id FROM input))
     AND CASE WHEN j.status = 'RUNNING' THEN true END
   ORDER BY j.id
     FOR NO KEY UPDATE SKIP LOCKED
),
${done} AS (
  UPDATE ${jobs} j
     SET status = 'DONE', result = coalesce(x.result, j.result), last_error = coalesce(x.error, j.last_error),
         finished_at = now(), duration_ms = x.duration_ms,
         locked_at = NULL, lease_expires_at = NULL, lease_holder = NULL,
         updated_at = now()
    FROM input x
   WHERE j.id = ANY (ARRAY(SELECT id FROM locked))
     AND j.id = x.id
     AND CASE WHEN x.outcome = 'done' AND j.status = 'RUNNING' AND j.attempts = x.attempts AND j.locked_by = x.locked_by
              THEN true END
  RETURNING j.id, j.locked_by
),
${removed}-- An outcome that has no name here is a retry's, of an attempt that ended otherwise than by an error.
not_done AS (
  UPDATE ${jobs} j
     SET status = CASE
           WHEN x.outcome = 'snooze' THEN ${ready}
           WHEN ${released} THEN ${ready}
           WHEN x.outcome <> 'fail' AND j.attempts < j.max_attempts THEN ${ready}
           ELSE ${failed}
         END,
         attempts = j.attempts - CASE
           WHEN x.outcome = 'snooze' THEN 1
           WHEN ${released} THEN 1
           ELSE 0
         END,
         released = j.released + CASE
           WHEN ${released} THEN 1
           ELSE 0
         END,
         run_after = CASE WHEN x.outcome NOT IN ('release', 'fail') THEN coalesce(x.run_after, now()) ELSE j.run_after END,
         last_error = coalesce(x.error, CASE
           WHEN x.outcome = 'release' AND j.released >= ${MAX_RELEASES}
             THEN ${GIVEN_BACK}
         END, j.last_error),${history}
         finished_at = CASE
           WHEN x.outcome = 'fail' THEN now()
           WHEN x.outcome = 'snooze' THEN NULL
           WHEN ${released} THEN NULL
           WHEN j.attempts >= j.max_attempts THEN now()
         END,
         duration_ms = x.duration_ms,
         locked_at = NULL, lease_expires_at = NULL, lease_holder = NULL,
         updated_at = now()
    FROM input x
   WHERE j.id = ANY (ARRAY(SELECT id FROM locked WHERE id IN (SELECT id FROM input WHERE outcome ${ends})))
     AND j.id = x.id AND x.outcome ${ends}
     AND CASE WHEN j.status = 'RUNNING' AND j.attempts = x.attempts AND j.locked_by = x.locked_by THEN true END
  RETURNING j.id, j.locked_by, j.status, j.job_type, j.run_after
)`;
}

/** What is not named is DONE, as most are. */
export function settlementRowsText({ names: { jobs }, deletes }: TurnVariant): string {
  // Of a row that is to go when it is done, and is not there, only the answer was lost.
  const gone = deletes ? ", CASE WHEN x.outcome = 'delete' THEN 'already DONE' END" : "";
  const verdict = `coalesce(u.status::text, (
         -- A cancel by the Python package leaves the holder, and is no settlement all the same.
         SELECT CASE WHEN j.status = 'CANCELLED' THEN 'cancelled'
                     WHEN j.locked_by = x.locked_by AND j.status <> 'RUNNING' THEN 'already ' || j.status::text
                     WHEN j.locked_by = x.locked_by AND j.attempts = x.attempts THEN 'busy'
                     ELSE 'lost' END
           FROM ${jobs} j WHERE j.id = x.id)${gone})`;
  return `SELECT ${rowText("'settlement'", SETTLEMENT, { id: "x.id::text", lockedBy: "x.locked_by", verdict })}
  FROM input x LEFT JOIN not_done u ON u.id = x.id AND u.locked_by = x.locked_by
 WHERE (SELECT count(*) FROM done) < (SELECT count(*) FROM input)
   AND (x.id, x.locked_by) NOT IN (SELECT id, locked_by FROM done)`;
}
