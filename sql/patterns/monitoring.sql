-- Watching the queue: what is waiting, what runs, what fails, what is stuck.
--
-- Read-only; each statement stands alone and can run at any time.

-- How many jobs are in each state.
SELECT status, count(*) FROM public.jobs GROUP BY status;

-- The backlog by type: what is due, what is for later, and for how long the oldest has waited.
SELECT job_type,
       count(*) FILTER (WHERE run_after <= now()) AS due,
       count(*) FILTER (WHERE run_after > now())  AS later,
       now() - min(run_after) FILTER (WHERE run_after <= now()) AS oldest_has_waited
  FROM public.jobs
 WHERE status = 'READY'
 GROUP BY job_type
 ORDER BY due DESC;

-- What failed in the last hour.
SELECT id, job_type, attempts, last_error, finished_at
  FROM public.jobs
 WHERE status = 'FAILED' AND finished_at > now() - interval '1 hour'
 ORDER BY finished_at DESC;

-- How long jobs take, by type.
SELECT job_type,
       count(*) AS done,
       round(avg(duration_ms)) AS avg_ms,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_ms) AS p95_ms
  FROM public.jobs
 WHERE status = 'DONE' AND finished_at > now() - interval '1 day'
 GROUP BY job_type
 ORDER BY job_type;

-- Which jobs have waited for another attempt, and why.
SELECT id, job_type, attempts, max_attempts, run_after, last_error
  FROM public.jobs
 WHERE status = 'READY' AND attempts > 0
 ORDER BY attempts DESC, run_after
 LIMIT 50;

-- Who runs what.
SELECT locked_by, count(*) AS running, min(locked_at) AS since, min(lease_expires_at) AS first_lease_ends
  FROM public.jobs
 WHERE status = 'RUNNING'
 GROUP BY locked_by
 ORDER BY since;

-- What is locked for longer than its timeout: candidates for lost jobs, as the Python package judges them.
SELECT id, job_type, locked_by, locked_at, timeout_seconds
  FROM public.jobs
 WHERE status = 'RUNNING' AND locked_at < now() - coalesce(timeout_seconds, 1200) * interval '1 second'
 ORDER BY locked_at;

-- What is lost, as pqrun judges: the lease has ended, or, where there is none, the rule above. The
-- next turn of any worker takes care of it, so rows that stay here mean that no worker runs.
SELECT id, job_type, locked_by, locked_at, lease_expires_at
  FROM public.jobs
 WHERE status = 'RUNNING'
   AND CASE WHEN lease_holder = locked_by THEN lease_expires_at <= now()
            ELSE coalesce(locked_at, updated_at) < now() - coalesce(timeout_seconds, 1200) * interval '1 second' END
 ORDER BY id;

-- Which workers wait for a NOTIFY.
SELECT worker, until FROM public.jobs_waiting WHERE until > now() ORDER BY worker;

-- Whether vacuum keeps up: many dead rows for long mean a transaction that somebody left open.
SELECT n_live_tup, n_dead_tup, last_autovacuum FROM pg_stat_user_tables WHERE relid = to_regclass('public.jobs');
