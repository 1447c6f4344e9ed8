-- Least privilege: three roles to grant to the logins of an application.
--
--   GRANT pqrun_producer TO web;   GRANT pqrun_worker TO worker;   GRANT pqrun_viewer TO grafana;
--
-- The owner of the table, who migrates it, needs none of them. Repeating this file changes
-- nothing; after a migration that adds columns, repeat it. It needs the right to create roles.
DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['pqrun_producer', 'pqrun_worker', 'pqrun_viewer'] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role);
    END IF;
  END LOOP;
END
$$;

GRANT USAGE ON SCHEMA public TO pqrun_producer, pqrun_worker, pqrun_viewer;

-- A producer enqueues, and learns of a duplicate which job it is, and of which type. It can't read what jobs carry.
GRANT INSERT (id, job_type, payload, priority, max_attempts, run_after, timeout_seconds, dedupe_key, idempotency_key, debounce_key,
              concurrency_key, headers)
   ON public.jobs TO pqrun_producer;
GRANT SELECT (id, job_type, status, attempts, run_after, locked_by, created_at, dedupe_key, idempotency_key, debounce_key, xmax)
   ON public.jobs TO pqrun_producer;
-- For ON CONFLICT … DO UPDATE SET updated_at = now().
GRANT UPDATE (updated_at) ON public.jobs TO pqrun_producer;
-- One that debounces replaces the payload of a job that waits, so it may change any job's. Where it is to, take this too:
-- GRANT UPDATE (payload, run_after, concurrency_key), SELECT (concurrency_key) ON public.jobs TO pqrun_producer;
GRANT USAGE ON SEQUENCE public.jobs_id_seq TO pqrun_producer;

-- A worker does everything with jobs (its handlers enqueue, its drains prune), and nothing with the table.
GRANT SELECT, INSERT, UPDATE, DELETE ON public.jobs TO pqrun_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.jobs_waiting TO pqrun_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.jobs_schedules TO pqrun_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.jobs_limits TO pqrun_worker;
GRANT SELECT, INSERT, DELETE ON public.jobs_steps TO pqrun_worker;
GRANT USAGE ON SEQUENCE public.jobs_id_seq TO pqrun_worker;

-- A viewer sees how the queue is doing, errors included, but no payload and no result.
GRANT SELECT (id, job_type, status, priority, attempts, max_attempts, run_after, timeout_seconds, locked_at,
              locked_by, dedupe_key, last_error, finished_at, duration_ms, created_at, updated_at,
              lease_expires_at, lease_holder, released, schedule, scheduled_for, errors, idempotency_key, debounce_key,
              concurrency_key, due_at, steps)
   ON public.jobs TO pqrun_viewer;
GRANT SELECT ON public.jobs_waiting TO pqrun_viewer;
GRANT SELECT ON public.jobs_limits TO pqrun_viewer;
GRANT SELECT (name, job_type, cron, time_zone, missed, overlap, jitter_seconds, tick_as, priority, max_attempts,
              timeout_seconds, paused, declared_by, next_tick, last_tick, last_job_id, last_error, created_at, updated_at)
   ON public.jobs_schedules TO pqrun_viewer;
-- When a job's steps were, and how long they took; not what they returned.
GRANT SELECT (job_id, name, attempt, duration_ms, wakes_at, created_at) ON public.jobs_steps TO pqrun_viewer;
