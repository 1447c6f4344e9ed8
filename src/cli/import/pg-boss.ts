import { quoteName } from "../../core/sql/table-names.ts";
import { insertOnce, type ImportSource } from "./source.ts";

/** A job that waits for others of its flow can't be told here what it waits for. */
const WAITING =
  "b.state IN ('created', 'retry') AND coalesce((to_jsonb(b) ->> 'blocked')::boolean, false) IS FALSE";

/** pg-boss 10 to 12. */
export const pgBoss: ImportSource = {
  schema: "pgboss",
  count: (schema) => `SELECT count(*)::text AS count FROM ${quoteName(schema)}.job b WHERE ${WAITING}`,
  move: (schema, names) =>
    insertOnce(
      names,
      `WITH moved AS (DELETE FROM ${quoteName(schema)}.job b WHERE ${WAITING} RETURNING b.*)`,
      // Its columns were called otherwise before 11; as JSON each is looked for under either name.
      `SELECT m.name AS job_type,
         CASE jsonb_typeof(m.data) WHEN 'object' THEN m.data
              ELSE CASE WHEN m.data IS NULL OR jsonb_typeof(m.data) = 'null' THEN '{}'::jsonb
                        ELSE jsonb_build_object('data', m.data) END END AS payload,
         m.priority, m.start_after AS run_after, greatest(1, m.retry_limit + 1 - m.retry_count) AS max_attempts,
         nullif(coalesce((to_jsonb(m) ->> 'expire_seconds')::int, extract(epoch FROM (to_jsonb(m) ->> 'expire_in')::interval)::int), 0)
           AS timeout_seconds,
         left(m.name || ':' || m.singleton_key, 512) AS key, m.created_on AS created_at
    FROM moved m`,
    ),
  left: (
    schema,
  ) => `SELECT count(*)::text AS n, CASE WHEN b.state = 'active' THEN 'active jobs, which its workers finish'
              ELSE 'jobs that wait for others of their flow' END AS what
  FROM ${quoteName(schema)}.job b
 WHERE b.state = 'active' OR (b.state IN ('created', 'retry') AND NOT (${WAITING}))
 GROUP BY 2
 UNION ALL
SELECT count(*)::text, 'schedules: \`pqrun schedules add\`' FROM ${quoteName(schema)}.schedule HAVING count(*) > 0`,
  notes: [
    "a payload that is no JSON object becomes { data: … }",
    "retryLimit n is n + 1 attempts here; attempts that were made are taken off; delays are the worker's backoff",
    "a singletonKey becomes the dedupe key NAME:KEY, of one active job; policies, throttling and groups don't carry over",
    "dead letter queues don't carry over: FAILED jobs stay in the table, for `pqrun retry`",
    "finished jobs stay where they are",
  ],
};
