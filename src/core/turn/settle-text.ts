import type { TableNames } from "../sql/table-names.ts";
import { ABSENT, USUAL } from "../job.ts";
import { keepingError } from "./attempt-errors-text.ts";

/** How often a job may be released before a release counts as an attempt. */
const MAX_RELEASES = 10;
const GIVEN_BACK = `'given back by shutdowns ${MAX_RELEASES} times: from now on such an attempt counts'`;

/**
 * The part of the turn that settles: `input` are the settlements, ten parameters
 * from the `first`;
 * `held` their rows, but for those that somebody else has locked; `done` those
 * that are DONE now, and `undone` the others. Most are done, and a statement of
 * their own, which decides nothing, takes an eighth off their time.
 *
 * `undone` may say plainly what it wants of `input`; said so by `done` it would
 * be taken for one row, and the join become quadratic.
 *
 * @param errors whether the table keeps the history of attempts
 */
export function settlingText(
  { jobs, statusType }: Pick<TableNames, "jobs" | "statusType">,
  first: number,
  errors = true,
): string {
  const param = (nth: number): string => `$${first + nth - 1}`;
  const released = `x.outcome = 'release' AND j.released < ${MAX_RELEASES}`;
  const kind =
    "CASE x.outcome WHEN 'retry' THEN 'failed' WHEN 'fail' THEN 'failed' WHEN 'release' THEN 'released' ELSE x.outcome END";
  const history = errors
    ? `\n         ${keepingError(kind, `coalesce(x.error, ${GIVEN_BACK})`, "x.duration_ms", `x.outcome = 'snooze' OR ${released}`)}`
    : "";
  const [ready, failed] = [`'READY'::${statusType}`, `'FAILED'::${statusType}`];
  return `input AS MATERIALIZED (
  SELECT x.id, coalesce(x.attempts, ${USUAL.attempts}) AS attempts, ((SELECT ${param(10)}::text::text[]))[coalesce(x.holder, 1)] AS locked_by,
         coalesce(x.outcome, '${USUAL.outcome}') AS outcome, nullif(x.duration_ms, ${ABSENT.number}) AS duration_ms,
         nullif(x.result, '${ABSENT.json}') AS result, nullif(x.error, '${ABSENT.text}') AS error,
         coalesce(to_timestamp(nullif(x.due, ${ABSENT.number}) / 1000),
                  now() + nullif(x.wait, ${ABSENT.number}) * interval '1 ms') AS run_after
    FROM unnest(${param(1)}::text::int8[], ${param(2)}::text::int4[], ${param(3)}::text::int4[], ${param(4)}::text::text[], ${param(5)}::text::int4[],
                ${param(6)}::text::jsonb[], ${param(7)}::text::text[], ${param(8)}::text::float8[], ${param(9)}::text::float8[])
      AS x(id, attempts, holder, outcome, duration_ms, result, error, wait, due)
),
held AS MATERIALIZED (
  SELECT j.id
    FROM ${jobs} j
   WHERE j.id = ANY (ARRAY(SELECT id FROM input))
     AND CASE WHEN j.status = 'RUNNING' THEN true END
   ORDER BY j.id
     FOR NO KEY UPDATE SKIP LOCKED
),
done AS (
  UPDATE ${jobs} j
     SET status = 'DONE', result = coalesce(x.result, j.result), last_error = coalesce(x.error, j.last_error),
         finished_at = now(), duration_ms = x.duration_ms,
         locked_at = NULL, lease_expires_at = NULL, lease_holder = NULL,
         updated_at = now()
    FROM input x
   WHERE j.id = ANY (ARRAY(SELECT id FROM held))
     AND j.id = x.id
     AND CASE WHEN x.outcome = 'done' AND j.status = 'RUNNING' AND j.attempts = x.attempts AND j.locked_by = x.locked_by
              THEN true END
  RETURNING j.id, j.locked_by
),
-- An outcome that has no name here is a retry's, of an attempt that ended otherwise than by an error.
undone AS (
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
   WHERE j.id = ANY (ARRAY(SELECT id FROM held WHERE id IN (SELECT id FROM input WHERE outcome <> 'done')))
     AND j.id = x.id AND x.outcome <> 'done'
     AND CASE WHEN j.status = 'RUNNING' AND j.attempts = x.attempts AND j.locked_by = x.locked_by THEN true END
  RETURNING j.id, j.locked_by, j.status, j.job_type, j.run_after
)`;
}

/** A turn that settles nothing. */
export const NO_SETTLING = [
  "input AS (SELECT 0::int8 AS id WHERE false)",
  "done AS (SELECT 0::int8 AS id WHERE false)",
  "undone AS (SELECT 0::int8 AS id, '' AS job_type, now() AS run_after, '' AS status WHERE false)",
].join(",\n");
