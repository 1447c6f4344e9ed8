import { quoteName } from "../../core/sql/table-names.ts";
import { insertOnce, type ImportSource } from "./source.ts";

const WAITING = "b.locked_at IS NULL AND b.attempts < b.max_attempts";

/** graphile-worker from 0.14 on. */
export const graphileWorker: ImportSource = {
  schema: "graphile_worker",
  count: (schema) =>
    `SELECT count(*)::text AS count FROM ${quoteName(schema)}._private_jobs b WHERE ${WAITING}`,
  move: (schema, names) =>
    insertOnce(
      names,
      `WITH moved AS (DELETE FROM ${quoteName(schema)}._private_jobs b WHERE ${WAITING} RETURNING b.*)`,
      `SELECT t.identifier AS job_type,
         CASE json_typeof(m.payload) WHEN 'object' THEN m.payload::jsonb WHEN 'null' THEN '{}'::jsonb
              ELSE jsonb_build_object('payload', m.payload) END AS payload,
         -m.priority::int AS priority, m.run_at AS run_after, (m.max_attempts - m.attempts)::int AS max_attempts,
         NULL::int AS timeout_seconds, m.key, m.created_at
    FROM moved m JOIN ${quoteName(schema)}._private_tasks t ON t.id = m.task_id`,
    ),
  left: (
    schema,
  ) => `SELECT count(*)::text AS n, CASE WHEN b.locked_at IS NOT NULL THEN 'running jobs, which its workers finish'
              ELSE 'jobs whose attempts are used up' END AS what
  FROM ${quoteName(schema)}._private_jobs b
 WHERE NOT (${WAITING})
 GROUP BY 2`,
  notes: [
    "a payload that is no JSON object becomes { payload: … }",
    "its lower priority runs first, here the higher one: the sign is turned",
    "a job key becomes the dedupe key, of one active job; jobKeyMode, flags and queue names (one at a time) don't carry over",
    "crontabs don't carry over: `pqrun schedules add`, or defineSchedules",
  ],
};
