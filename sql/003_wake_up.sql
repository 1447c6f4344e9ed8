-- pqrun 003: the wake-up.
--
-- A worker that waits for a NOTIFY keeps a row in jobs_waiting, and a trigger notifies for
-- inserts only while there is one: an unconditional NOTIFY takes a lock that all writers
-- share until each commit is on disk. Workers that wait poll too, so that a wake-up that is
-- lost (an unlogged table is empty after a crash) costs time, never a job.
DO $pqrun$
DECLARE
  schema_name  CONSTANT text := 'public';
  table_name   CONSTANT text := 'jobs';
  waiting_name CONSTANT text := 'jobs_waiting';
  wake_name    CONSTANT text := 'jobs_wake';
  channel      CONSTANT text := 'pqrun_jobs';
  lock_wait    CONSTANT text := '2s';

  jobs        CONSTANT text := pg_catalog.format('%I.%I', schema_name, table_name);
  waiting     CONSTANT text := pg_catalog.format('%I.%I', schema_name, waiting_name);
  wake        CONSTANT text := pg_catalog.format('%I.%I', schema_name, wake_name);
  lock_key    CONSTANT bigint := 482939663726;
  path_before CONSTANT text := pg_catalog.current_setting('search_path');
  wait_before CONSTANT text := pg_catalog.current_setting('lock_timeout');

  -- An isolated transaction may not see a guard that was raised since it began, so it notifies.
  -- Whatever goes wrong here, the insert goes on: a worker's poll finds the job.
  body CONSTANT text := pg_catalog.format($body$
-- pqrun's: wakes the workers that wait.
BEGIN
  IF pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed'
     OR EXISTS (SELECT FROM %s w WHERE w.until OPERATOR(pg_catalog.>) pg_catalog.now()) THEN
    PERFORM pg_catalog.pg_notify(%L, '');
  END IF;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  BEGIN
    PERFORM pg_catalog.pg_notify(%2$L, '');
  EXCEPTION WHEN OTHERS THEN
    NULL;
  END;
  RETURN NULL;
END
$body$, waiting, channel);

  found   record;
  guard   oid;
  problem text;
  grantee text;
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock(lock_key);
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM set_config('lock_timeout', lock_wait, true);

  IF NOT EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = to_regclass(jobs) AND a.attname = 'lease_holder' AND NOT a.attisdropped) THEN
    RAISE EXCEPTION 'pqrun: % is not a job queue with pqrun''s columns; nothing was changed', jobs
      USING ERRCODE = 'PQR01', HINT = 'Migration 001 comes first.';
  END IF;

  SELECT p.oid, p.prosrc INTO found
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname = schema_name AND p.proname = wake_name AND p.pronargs = 0;
  SELECT c.oid INTO guard
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = schema_name AND c.relname = waiting_name;
  problem := CASE
    WHEN guard IS NOT NULL AND (
      SELECT count(*) FROM pg_attribute a
       WHERE a.attrelid = guard AND a.attname IN ('worker', 'until') AND NOT a.attisdropped) <> 2
    THEN 'the name of the table ' || waiting
    WHEN found.oid IS NOT NULL AND found.prosrc NOT LIKE '%pqrun''s%'
    THEN 'the name of the function ' || wake || '()'
  END;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION 'pqrun: % is taken', problem
      USING ERRCODE = 'PQR01', HINT = 'Choose another table or schema.';
  END IF;

  IF guard IS NULL THEN
    EXECUTE 'CREATE UNLOGGED TABLE IF NOT EXISTS ' || waiting
         || ' (worker text PRIMARY KEY, until timestamptz NOT NULL)';
    -- The trigger runs with the rights of whoever inserts.
    EXECUTE 'GRANT SELECT ON ' || waiting || ' TO PUBLIC';
    guard := to_regclass(waiting);
  END IF;

  -- A role that may update jobs may run a worker, which keeps a row here: so the grants that the Python package documents
  -- go on being enough. Looked at in each run, since roles are granted later too.
  FOR grantee IN
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
      FROM pg_class c
     CROSS JOIN aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
     CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) lacking
     WHERE c.oid = to_regclass(jobs) AND a.privilege_type = 'UPDATE'
       AND NOT has_table_privilege(a.grantee, guard, lacking)
       AND pg_has_role((SELECT w.relowner FROM pg_class w WHERE w.oid = guard), 'USAGE')
  LOOP
    EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON ' || waiting || ' TO ' || grantee;
  END LOOP;

  IF found.prosrc IS DISTINCT FROM body THEN
    EXECUTE format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS %L', wake, body);
  END IF;

  IF NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = to_regclass(jobs) AND t.tgname = wake_name) THEN
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %s FOR EACH STATEMENT EXECUTE FUNCTION %s()',
                   wake_name, jobs, wake);
  END IF;

  PERFORM set_config('lock_timeout', wait_before, true);
  PERFORM set_config('search_path', path_before, true);
END
$pqrun$;
