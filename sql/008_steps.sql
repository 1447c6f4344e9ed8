-- pqrun 008: the steps of long jobs.
--
-- jobs_steps has a row for each step that a job has remembered (ctx.step): what its work returned, when, and how long that
-- took. jobs.steps counts them, and is null for a job that has none, which costs such a job nothing. The rows go with their
-- job: triggers delete them when the job is deleted, by whomever, and when the table is truncated. There is no foreign key,
-- which each job that is deleted would pay for.
DO $pqrun$
DECLARE
  schema_name  CONSTANT text := 'public';
  table_name   CONSTANT text := 'jobs';
  archive_name CONSTANT text := 'jobs_archive';
  steps_name   CONSTANT text := 'jobs_steps';
  forget_name  CONSTANT text := 'jobs_forget_steps';
  empty_name   CONSTANT text := 'jobs_forget_all_steps';
  lock_wait    CONSTANT text := '2s';

  jobs        CONSTANT text := pg_catalog.format('%I.%I', schema_name, table_name);
  archive     CONSTANT text := pg_catalog.format('%I.%I', schema_name, archive_name);
  steps       CONSTANT text := pg_catalog.format('%I.%I', schema_name, steps_name);
  forget      CONSTANT text := pg_catalog.format('%I.%I', schema_name, forget_name);
  lock_key    CONSTANT bigint := 482939663726;
  path_before CONSTANT text := pg_catalog.current_setting('search_path');
  wait_before CONSTANT text := pg_catalog.current_setting('lock_timeout');

  body CONSTANT text := pg_catalog.format($body$
-- pqrun's: the steps of a deleted job go with it.
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    TRUNCATE %1$s;
  ELSE
    DELETE FROM %1$s s WHERE s.job_id = OLD.id;
  END IF;
  RETURN NULL;
END
$body$, steps);

  alike   boolean;
  target  text;
  found   record;
  own     record;
  grantee text;
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock(lock_key);
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM set_config('lock_timeout', lock_wait, true);

  IF NOT EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = to_regclass(jobs) AND a.attname = 'errors' AND NOT a.attisdropped) THEN
    RAISE EXCEPTION 'pqrun: % is not a job queue with pqrun''s columns; nothing was changed', jobs
      USING ERRCODE = 'PQR01', HINT = 'The migrations before it come first.';
  END IF;

  SELECT c.oid INTO found FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = schema_name AND c.relname = steps_name;
  IF found.oid IS NOT NULL AND (
       SELECT count(*) FROM pg_attribute a
        WHERE a.attrelid = found.oid AND a.attname IN ('job_id', 'name', 'value', 'wakes_at') AND NOT a.attisdropped) <> 4 THEN
    RAISE EXCEPTION 'pqrun: the name of the table % is taken', steps
      USING ERRCODE = 'PQR01', HINT = 'Choose another table or schema.';
  END IF;

  IF found.oid IS NULL THEN
    -- A row is written once and never updated.
    EXECUTE 'CREATE TABLE IF NOT EXISTS ' || steps || ' (
      job_id      bigint      NOT NULL,
      name        text        NOT NULL,
      value       jsonb,
      attempt     int         NOT NULL,
      duration_ms int,
      wakes_at    timestamptz,
      created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (job_id, name)
    ) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000)';
    EXECUTE 'COMMENT ON TABLE ' || steps
         || ' IS ''pqrun: what the steps of jobs have returned. A job that is DONE has none, unless its contract keeps them.''';
    EXECUTE 'COMMENT ON COLUMN ' || steps || '.value IS ''What the step returned; null is nothing.''';
    EXECUTE 'COMMENT ON COLUMN ' || steps || '.wakes_at IS ''Of a sleep: when the job goes on.''';
  END IF;

  -- An archive made LIKE jobs gets the column in the same place: INSERT INTO jobs_archive SELECT * goes on working.
  SELECT count(DISTINCT names) = 1 INTO alike
    FROM (SELECT array_agg(a.attname ORDER BY a.attnum) AS names
            FROM pg_attribute a
           WHERE a.attrelid IN (to_regclass(jobs), to_regclass(archive)) AND a.attnum > 0 AND NOT a.attisdropped
             AND a.attname <> 'steps'
           GROUP BY a.attrelid) tables;
  FOREACH target IN ARRAY ARRAY[jobs, archive] LOOP
    CONTINUE WHEN target = archive AND NOT EXISTS (
      SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = schema_name AND c.relname = archive_name AND c.relkind IN ('r', 'p')
         AND (SELECT count(*) FROM pg_attribute a
               WHERE a.attrelid = c.oid AND NOT a.attisdropped
                 AND a.attname IN ('id', 'job_type', 'payload', 'run_after', 'finished_at', 'updated_at')) = 6);
    CONTINUE WHEN EXISTS (SELECT FROM pg_attribute a
                           WHERE a.attrelid = to_regclass(target) AND a.attname = 'steps' AND NOT a.attisdropped);
    IF target = archive AND NOT alike THEN
      RAISE WARNING 'pqrun: % has columns of its own: name the columns when archiving into it', archive;
    END IF;
    EXECUTE 'ALTER TABLE ' || target || ' ADD COLUMN IF NOT EXISTS steps int';
  END LOOP;

  SELECT p.oid, p.prosrc INTO found
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname = schema_name AND p.proname = forget_name AND p.pronargs = 0;
  IF found.oid IS NOT NULL AND found.prosrc NOT LIKE '%pqrun''s%' THEN
    RAISE EXCEPTION 'pqrun: the name of the function %() is taken', forget
      USING ERRCODE = 'PQR01', HINT = 'Choose another table or schema.';
  END IF;
  IF found.prosrc IS DISTINCT FROM body THEN
    -- With its owner's rights: a role that may delete a job need not know that it has steps.
    EXECUTE format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER'
                   ' SET search_path = pg_catalog, pg_temp AS %L', forget, body);
    EXECUTE format('COMMENT ON FUNCTION %s() IS %L', forget, 'pqrun: deletes the steps of deleted jobs.');
    -- Nor may it become the trigger of a table of somebody else's.
    EXECUTE format('REVOKE ALL ON FUNCTION %s() FROM PUBLIC', forget);
  END IF;

  FOR own IN
    SELECT * FROM (VALUES
      -- The condition is looked at before anything is queued: a job without steps is deleted as before.
      (forget_name, 'AFTER DELETE ON %s FOR EACH ROW WHEN (OLD.steps IS NOT NULL)'),
      (empty_name, 'AFTER TRUNCATE ON %s FOR EACH STATEMENT')) AS v (name, definition)
     WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = to_regclass(jobs) AND t.tgname = v.name)
  LOOP
    EXECUTE format('CREATE TRIGGER %I ', own.name) || format(own.definition, jobs)
         || format(' EXECUTE FUNCTION %s()', forget);
  END LOOP;

  -- A role that may update jobs may run a worker, whose handlers remember steps. Looked at in each run, since roles are
  -- granted later too.
  FOR grantee IN
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
      FROM pg_class c
     CROSS JOIN aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
     CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'DELETE']) lacking
     WHERE c.oid = to_regclass(jobs) AND a.privilege_type = 'UPDATE'
       AND NOT has_table_privilege(a.grantee, to_regclass(steps), lacking)
       AND pg_has_role((SELECT s.relowner FROM pg_class s WHERE s.oid = to_regclass(steps)), 'USAGE')
  LOOP
    EXECUTE 'GRANT SELECT, INSERT, DELETE ON ' || steps || ' TO ' || grantee;
  END LOOP;

  PERFORM set_config('lock_timeout', wait_before, true);
  PERFORM set_config('search_path', path_before, true);
END
$pqrun$;
