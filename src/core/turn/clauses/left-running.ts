import { clause } from "./clause.ts";

/**
 * What this turn has ended of attempts, however: each row of `done`, `not_done` and `reaped`. A capability that reads what
 * no longer runs reads it here. The planner writes it into its readers, so that a thousand jobs that are done are not
 * collected for those who want the others, and `is_ready` is a constant where a relation has no such rows.
 */
export const leftRunning = clause({
  parameters: {},
  encode: () => ({}),
  text: () => `left_running AS NOT MATERIALIZED (
  SELECT id, false AS is_ready, NULL::text AS job_type, NULL::timestamptz AS run_after FROM done
   UNION ALL
  SELECT id, status = 'READY', job_type, run_after FROM not_done
   UNION ALL
  SELECT id, status = 'READY', job_type, run_after FROM reaped
)`,
  absent:
    "left_running AS (SELECT 0::int8 AS id, false AS is_ready, '' AS job_type, now() AS run_after WHERE false)",
});
