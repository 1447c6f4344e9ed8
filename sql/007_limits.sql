-- pqrun 007: the limits.
--
-- A row of jobs_limits pauses a type of job, or bounds how many of its jobs run at once, in all and
-- for each key, and how many may start within so many seconds. What is set there goes before what the
-- code of the workers says; null is as the code says. How many run is counted from the jobs, never
-- kept: the row is also what pick-ups of a limited type take turns at, and pickups, starts_at and
-- starts are theirs.
--
--   UPDATE jobs_limits SET total = 2 WHERE name = 'crawl';
--   INSERT INTO jobs_limits (name, paused) VALUES ('crawl', true) ON CONFLICT (name) DO UPDATE SET paused = true;
--
-- A READY job with a due_at is put aside: its key has no room. It was due then, and run_after is no
-- more than the moment at which even workers that know of no limits will find it.
DO $pqrun$
DECLARE
  schema_name      CONSTANT text := 'public';
  table_name       CONSTANT text := 'jobs';
  archive_name     CONSTANT text := 'jobs_archive';
  waiting_name     CONSTANT text := 'jobs_waiting';
  limits_name      CONSTANT text := 'jobs_limits';
  wake_limits_name CONSTANT text := 'jobs_wake_limits';
  wake_limited_name CONSTANT text := 'jobs_wake_limits_new';
  parked_name      CONSTANT text := 'jobs_parked';
  key_running_name CONSTANT text := 'jobs_running_keys';
  begun_name       CONSTANT text := 'jobs_begun';
  channel          CONSTANT text := 'pqrun_jobs';
  build            CONSTANT text := 'always';
  lock_wait        CONSTANT text := '2s';

  parked_keys      CONSTANT text := '(job_type, concurrency_key, priority DESC, due_at, id) WHERE status = ''READY'' AND due_at IS NOT NULL';
  key_running_keys CONSTANT text := '(job_type, concurrency_key) WHERE status = ''RUNNING'' AND concurrency_key IS NOT NULL';
  begun_keys       CONSTANT text := '(job_type, concurrency_key, id) WHERE status = ''READY'' AND concurrency_key IS NOT NULL AND (attempts > 0 OR locked_by IS NOT NULL)';

  jobs        CONSTANT text := pg_catalog.format('%I.%I', schema_name, table_name);
  archive     CONSTANT text := pg_catalog.format('%I.%I', schema_name, archive_name);
  waiting     CONSTANT text := pg_catalog.format('%I.%I', schema_name, waiting_name);
  limits      CONSTANT text := pg_catalog.format('%I.%I', schema_name, limits_name);
  wake_limits CONSTANT text := pg_catalog.format('%I.%I', schema_name, wake_limits_name);
  lock_key    CONSTANT bigint := 482939663726;
  path_before CONSTANT text := pg_catalog.current_setting('search_path');
  wait_before CONSTANT text := pg_catalog.current_setting('lock_timeout');

  wake_body CONSTANT text := pg_catalog.format($body$
-- pqrun's: has all workers look anew, also those that are busy and so wait for no NOTIFY.
BEGIN
  -- A full queue of NOTIFYs would refuse the commit.
  IF pg_catalog.pg_notification_queue_usage() OPERATOR(pg_catalog.<) 0.9 THEN
    PERFORM pg_catalog.pg_notify(%1$L, '');
  END IF;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  -- Whatever goes wrong here, the limit is written: workers ask for it at least once a minute.
  RETURN NULL;
END
$body$, channel);

  building boolean := build = 'always';
  alike    boolean;
  found    record;
  own      record;
  missing  text;
  target   text;
  grantee  text;
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock(lock_key);
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM set_config('lock_timeout', lock_wait, true);

  IF NOT EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = to_regclass(jobs) AND a.attname = 'debounce_key' AND NOT a.attisdropped)
     OR to_regclass(waiting) IS NULL THEN
    RAISE EXCEPTION 'pqrun: % is not a job queue with pqrun''s columns; nothing was changed', jobs
      USING ERRCODE = 'PQR01', HINT = 'Migrations 001 to 006 come first.';
  END IF;

  SELECT c.oid INTO found FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = schema_name AND c.relname = limits_name;
  IF found.oid IS NOT NULL AND (
       SELECT count(*) FROM pg_attribute a
        WHERE a.attrelid = found.oid AND a.attname IN ('name', 'paused', 'per_key', 'pickups') AND NOT a.attisdropped) <> 4 THEN
    RAISE EXCEPTION 'pqrun: the name of the table % is taken', limits
      USING ERRCODE = 'PQR01', HINT = 'Choose another table or schema.';
  END IF;

  -- An archive made LIKE jobs gets the columns in the same order: INSERT INTO jobs_archive SELECT * goes on working.
  SELECT count(DISTINCT names) = 1 INTO alike
    FROM (SELECT array_agg(a.attname ORDER BY a.attnum) AS names
            FROM pg_attribute a
           WHERE a.attrelid IN (to_regclass(jobs), to_regclass(archive)) AND a.attnum > 0 AND NOT a.attisdropped
             AND a.attname NOT IN ('concurrency_key', 'due_at')
           GROUP BY a.attrelid) tables;
  FOREACH target IN ARRAY ARRAY[jobs, archive] LOOP
    CONTINUE WHEN target = archive AND NOT EXISTS (
      SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = schema_name AND c.relname = archive_name AND c.relkind IN ('r', 'p')
         AND (SELECT count(*) FROM pg_attribute a
               WHERE a.attrelid = c.oid AND NOT a.attisdropped
                 AND a.attname IN ('id', 'job_type', 'payload', 'run_after', 'finished_at', 'updated_at')) = 6);
    SELECT string_agg(format('ADD COLUMN IF NOT EXISTS %s %s', new.name, new.definition), ', ' ORDER BY new.place)
      INTO missing
      FROM (VALUES (1, 'concurrency_key', 'text'), (2, 'due_at', 'timestamptz')) AS new (place, name, definition)
     WHERE NOT EXISTS (SELECT FROM pg_attribute a
                        WHERE a.attrelid = to_regclass(target) AND a.attname = new.name AND NOT a.attisdropped);
    CONTINUE WHEN missing IS NULL;
    IF target = archive AND NOT alike THEN
      RAISE WARNING 'pqrun: % has columns of its own: name the columns when archiving into it', archive;
    END IF;
    EXECUTE 'ALTER TABLE ' || target || ' ' || missing;
  END LOOP;

  IF found.oid IS NULL THEN
    EXECUTE 'CREATE TABLE IF NOT EXISTS ' || limits || ' (
      name         text          PRIMARY KEY CHECK (name <> ''''),
      paused       boolean       NOT NULL DEFAULT false,
      total        int           CHECK (total >= 0),
      per_key      int           CHECK (per_key >= 1),
      rate         int           CHECK (rate >= 0),
      rate_seconds float8        CHECK (rate_seconds > 0 AND rate_seconds <= 2147483),
      pickups      bigint        NOT NULL DEFAULT 0,
      starts_at    timestamptz[] NOT NULL DEFAULT ''{}'',
      starts       int[]         NOT NULL DEFAULT ''{}'',
      created_at   timestamptz   NOT NULL DEFAULT now(),
      updated_at   timestamptz   NOT NULL DEFAULT now(),
      CHECK ((rate IS NULL) = (rate_seconds IS NULL))
    ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500)';
    EXECUTE 'COMMENT ON TABLE ' || limits
         || ' IS ''pqrun: whether a type of job is paused, and how many of its jobs may run at once or start within a time; null is as the workers'''' code says.''';
    EXECUTE 'COMMENT ON COLUMN ' || limits || '.name IS ''The type of job.''';
    EXECUTE 'COMMENT ON COLUMN ' || limits || '.pickups IS ''How many pick-ups have taken jobs of the type: one whose snapshot shows another number has missed some.''';
  END IF;

  SELECT p.oid, p.prosrc INTO found
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname = schema_name AND p.proname = wake_limits_name
   ORDER BY p.prosrc LIKE '%pqrun''s%' LIMIT 1;
  IF found.oid IS NOT NULL AND found.prosrc NOT LIKE '%pqrun''s%' THEN
    RAISE EXCEPTION 'pqrun: the name of the function %.%() is taken', quote_ident(schema_name), quote_ident(wake_limits_name)
      USING ERRCODE = 'PQR01', HINT = 'Choose another table or schema.';
  END IF;
  IF found.prosrc IS DISTINCT FROM wake_body THEN
    EXECUTE format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS %L', wake_limits, wake_body);
    EXECUTE format('COMMENT ON FUNCTION %s() IS %L', wake_limits, 'pqrun: wakes the workers when a limit is written.');
  END IF;

  -- Not for what a pick-up writes into the row: that is each pick-up of a limited type.
  FOR own IN
    SELECT * FROM (VALUES
      (wake_limits_name, 'AFTER DELETE OR UPDATE OF name, paused, total, per_key, rate, rate_seconds ON %s FOR EACH ROW'),
      (wake_limited_name, 'AFTER INSERT ON %s FOR EACH ROW WHEN (NEW.paused OR NEW.total IS NOT NULL OR NEW.per_key IS NOT NULL OR NEW.rate IS NOT NULL)'))
      AS v (name, definition)
     WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = to_regclass(limits) AND t.tgname = v.name)
  LOOP
    EXECUTE format('CREATE TRIGGER %I ', own.name) || format(own.definition, limits)
         || format(' EXECUTE FUNCTION %s()', wake_limits);
  END LOOP;

  -- A role that may update jobs may run a worker, and any worker keeps to the limits. Looked at in each run, since roles are granted later too.
  FOR grantee IN
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
      FROM pg_class c
     CROSS JOIN aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
     CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) lacking
     WHERE c.oid = to_regclass(jobs) AND a.privilege_type = 'UPDATE'
       AND NOT has_table_privilege(a.grantee, to_regclass(limits), lacking)
       AND pg_has_role((SELECT s.relowner FROM pg_class s WHERE s.oid = to_regclass(limits)), 'USAGE')
  LOOP
    EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON ' || limits || ' TO ' || grantee;
  END LOOP;

  -- The indexes: as 002 builds its own. No row has an entry in them that no limit concerns.
  IF build = 'empty' THEN
    EXECUTE 'SELECT NOT EXISTS (SELECT FROM ' || jobs || ')' INTO building;
  END IF;
  FOR own IN
    SELECT * FROM (VALUES (1, parked_name, parked_keys), (2, key_running_name, key_running_keys), (3, begun_name, begun_keys))
      AS v (place, name, keys) ORDER BY place
  LOOP
    SELECT c.oid, i.indrelid, i.indisvalid INTO found
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
     WHERE n.nspname = schema_name AND c.relname = own.name;
    IF found.oid IS NOT NULL AND found.indrelid IS DISTINCT FROM to_regclass(jobs)::oid THEN
      RAISE EXCEPTION 'pqrun: the name of the index %.% is taken', quote_ident(schema_name), quote_ident(own.name)
        USING ERRCODE = 'PQR01', HINT = 'Choose another table or schema.';
    END IF;
    IF NOT building AND NOT found.indisvalid THEN
      BEGIN
        -- Who builds an index holds this lock. It is not waited for: the build would wait for us.
        EXECUTE 'LOCK TABLE ' || jobs || ' IN SHARE UPDATE EXCLUSIVE MODE NOWAIT';
        IF EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = found.oid AND NOT i.indisvalid) THEN
          EXECUTE format('ALTER INDEX %I.%I RENAME TO %I', schema_name, own.name, 'pqrun_invalid_' || found.oid);
          RAISE NOTICE 'pqrun: an invalid index is now called %: DROP INDEX CONCURRENTLY it', 'pqrun_invalid_' || found.oid;
        END IF;
      EXCEPTION WHEN lock_not_available THEN
        NULL; -- It is being built.
      END;
    END IF;
    CONTINUE WHEN NOT building OR found.indisvalid;
    IF found.oid IS NOT NULL THEN
      EXECUTE format('DROP INDEX %I.%I', schema_name, own.name);
    END IF;
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %s %s', own.name, jobs, own.keys);
  END LOOP;

  PERFORM set_config('lock_timeout', wait_before, true);
  PERFORM set_config('search_path', path_before, true);
END
$pqrun$;
