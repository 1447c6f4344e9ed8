-- Workers of the Python package beside pqrun's on one table: an opt-in guard.
--
-- Python's workers settle by id alone, pick up any type, and FAIL a type that they have no
-- handler for. This trigger keeps them from harming pqrun's jobs, in three ways and no more:
-- 1. A status change of a job that runs under pqrun's live lease, made by somebody who leaves
--    the lease as it is, is ignored. To cancel such a job remains possible.
-- 2. A status change of a job that is DONE or CANCELLED is ignored.
-- 3. Python's "No handler registered" puts the job back instead: READY five seconds later,
--    the attempt given back. Of a job under pqrun's lease it is the handler's own error.
-- Ignored means that the UPDATE skips the row, and reports one row less. One Python worker is
-- not kept from another. To remove it: DROP TRIGGER jobs_python_guard ON public.jobs;
-- DROP FUNCTION public.jobs_python_guard();
BEGIN;

CREATE OR REPLACE FUNCTION public.jobs_python_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status = 'RUNNING'
     AND OLD.lease_holder = OLD.locked_by
     AND OLD.lease_expires_at > pg_catalog.now()
     AND NEW.lease_holder IS NOT DISTINCT FROM OLD.lease_holder
     AND NEW.lease_expires_at IS NOT DISTINCT FROM OLD.lease_expires_at
     AND NEW.status <> 'CANCELLED' THEN
    RETURN NULL;
  END IF;

  IF OLD.status IN ('DONE', 'CANCELLED') THEN
    RETURN NULL;
  END IF;

  IF OLD.status = 'RUNNING' AND NEW.status = 'FAILED' AND NEW.last_error LIKE '%No handler registered%'
     AND OLD.lease_holder IS DISTINCT FROM OLD.locked_by THEN
    NEW.status      := 'READY';
    NEW.run_after   := pg_catalog.now() + interval '5 seconds';
    NEW.attempts    := greatest(OLD.attempts - 1, 0);
    NEW.last_error  := OLD.last_error;
    NEW.locked_at   := NULL;
    NEW.locked_by   := NULL;
    NEW.finished_at := NULL;
    NEW.duration_ms := NULL;
  END IF;
  RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS jobs_python_guard ON public.jobs;

-- Only a change of status comes here: to extend a lease costs nothing more.
CREATE TRIGGER jobs_python_guard BEFORE UPDATE ON public.jobs
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION public.jobs_python_guard();

COMMIT;
