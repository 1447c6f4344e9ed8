-- Workers of the Python package beside pqrun's on one table: an opt-in guard.
--
-- Python's workers settle by id alone, pick up any type, and FAIL a type that they have no
-- handler for. This trigger keeps them from harming pqrun's jobs, in these ways and no more:
-- 1. A status change of a job that runs under pqrun's live lease, made by somebody who leaves
--    the lease as it is, is ignored. To cancel such a job remains possible.
-- 2. A status change of a job that is DONE or CANCELLED is ignored.
-- 3. What Python can't run is put back: READY five seconds later, the attempt given back. That
--    is a job that Python fails with exactly the text of its package for a type without a
--    handler, and one whose payload is no object, at which Python's pick-up raises.
-- 4. Python takes jobs by priority and id, so what was put back would come first again, for
--    ever. A job that is put back again, or that had been due for a second when Python took
--    it, goes behind all others, and up to a hundred such jobs of its type and priority with
--    it: 2^30 is taken from their priority until they are picked up.
-- 5. A result that is no object, at which Python's pick-up raises too, is dropped from a job
--    that becomes READY or RUNNING.
-- Ignored means that the UPDATE skips the row, and reports one row less. One Python worker is
-- not kept from another. To remove it: DROP TRIGGER jobs_python_guard ON public.jobs;
-- DROP FUNCTION public.jobs_python_guard(); for another table, change the names throughout.
-- What is made READY here wakes the workers that wait for it, as any UPDATE does (003_wake_up.sql).
BEGIN;

CREATE OR REPLACE FUNCTION public.jobs_python_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  -- Stand in lease_holder, where they are no lease, since no worker's locked_by equals them.
  mark     CONSTANT text := 'python-guard';
  lowered  CONSTANT text := 'python-guard, behind all others';
  behind   CONSTANT int := 1073741824;
  later    CONSTANT interval := '5 seconds';
  overdue  CONSTANT interval := '1 second';
  no_handler CONSTANT text := 'No handler registered for job_type=' || OLD.job_type;
  -- pqrun's own statements set the lease or clear it; all others leave it as it is.
  foreign_write CONSTANT boolean := (NEW.lease_holder, NEW.lease_expires_at)
                                    IS NOT DISTINCT FROM (OLD.lease_holder, OLD.lease_expires_at);
  leased   CONSTANT boolean := coalesce(OLD.lease_holder = OLD.locked_by, false);
  put_back boolean := false;
BEGIN
  IF OLD.status = 'RUNNING' AND leased AND OLD.lease_expires_at > pg_catalog.now()
     AND foreign_write AND NEW.status <> 'CANCELLED' THEN
    RETURN NULL;
  END IF;

  IF OLD.status IN ('DONE', 'CANCELLED') THEN
    RETURN NULL;
  END IF;

  IF OLD.lease_holder = lowered THEN
    IF foreign_write THEN
      NEW.lease_holder := mark;
    END IF;
    -- Unless somebody has set another since.
    IF OLD.priority < -behind / 2 THEN
      NEW.priority := OLD.priority + behind;
    END IF;
  END IF;

  IF NEW.status IN ('READY', 'RUNNING') AND pg_catalog.jsonb_typeof(NEW.result) <> 'object' THEN
    NEW.result := NULL;
  END IF;

  IF OLD.status = 'RUNNING' AND NEW.status = 'FAILED' AND NEW.last_error = no_handler AND NOT leased THEN
    put_back     := true;
    NEW.attempts := greatest(OLD.attempts - 1, 0);
  END IF;

  IF NEW.status = 'RUNNING' AND foreign_write AND pg_catalog.jsonb_typeof(NEW.payload) <> 'object' THEN
    put_back     := true;
    NEW.attempts := OLD.attempts;
  END IF;

  IF put_back THEN
    NEW.status       := 'READY';
    NEW.run_after    := pg_catalog.now() + later;
    NEW.last_error   := OLD.last_error;
    NEW.locked_at    := NULL;
    -- Not NULL where the job has a debounce key: the next one of that key may wait already, and this one is not it.
    NEW.locked_by    := CASE WHEN pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.->>) 'debounce_key' IS NOT NULL THEN mark END;
    NEW.finished_at  := NULL;
    NEW.duration_ms  := NULL;
    NEW.lease_holder := mark;
    NEW.lease_expires_at := NULL;
  END IF;

  -- Whatever goes wrong from here on, the update goes on: a worker's poll finds the job.
  BEGIN
    IF put_back AND NEW.priority >= -behind
       AND (OLD.lease_holder IN (mark, lowered) OR coalesce(OLD.locked_at, pg_catalog.now()) >= OLD.run_after + overdue) THEN
      UPDATE public.jobs j
         SET priority = j.priority - behind, lease_holder = lowered, lease_expires_at = NULL
       WHERE j.id = ANY (ARRAY(
               SELECT due.id FROM public.jobs due
                WHERE due.status = 'READY' AND due.job_type = NEW.job_type AND due.priority = NEW.priority
                  AND due.run_after <= pg_catalog.now() - overdue
                ORDER BY due.run_after, due.id LIMIT 100
                  FOR UPDATE SKIP LOCKED));
      NEW.priority := NEW.priority - behind;
      NEW.lease_holder := lowered;
    END IF;
  EXCEPTION WHEN OTHERS THEN
    NULL;
  END;
  RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS jobs_python_guard ON public.jobs;

-- Only a change of status comes here: to extend a lease costs nothing more.
CREATE TRIGGER jobs_python_guard BEFORE UPDATE ON public.jobs
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION public.jobs_python_guard();

COMMIT;
