-- pqrun 006: the keys of an enqueue.
--
-- idempotency_key is taken for as long as the row exists, whatever its state. debounce_key is taken
-- while the job waits and has never been picked up: a retry has attempts, and what a worker has given
-- back still bears its name in locked_by, so no settlement ever meets this index.
DO $pqrun$
DECLARE
  schema_name      CONSTANT text := 'public';
  table_name       CONSTANT text := 'jobs';
  archive_name     CONSTANT text := 'jobs_archive';
  idempotency_name CONSTANT text := 'uq_jobs_idempotency';
  debounce_name    CONSTANT text := 'uq_jobs_debounce';
  build            CONSTANT text := 'always';
  lock_wait        CONSTANT text := '2s';

  idempotency_keys CONSTANT text := '(idempotency_key) WHERE idempotency_key IS NOT NULL';
  debounce_keys    CONSTANT text := '(debounce_key) WHERE debounce_key IS NOT NULL AND status = ''READY'' AND attempts = 0 AND locked_by IS NULL';

  jobs        CONSTANT text := pg_catalog.format('%I.%I', schema_name, table_name);
  archive     CONSTANT text := pg_catalog.format('%I.%I', schema_name, archive_name);
  lock_key    CONSTANT bigint := 482939663726;
  path_before CONSTANT text := pg_catalog.current_setting('search_path');
  wait_before CONSTANT text := pg_catalog.current_setting('lock_timeout');

  building boolean := build = 'always';
  alike    boolean;
  found    record;
  own      record;
  missing  text;
  target   text;
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock(lock_key);
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM set_config('lock_timeout', lock_wait, true);

  IF NOT EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = to_regclass(jobs) AND a.attname = 'errors' AND NOT a.attisdropped) THEN
    RAISE EXCEPTION 'pqrun: % is not a job queue with pqrun''s columns; nothing was changed', jobs
      USING ERRCODE = 'PQR01', HINT = 'Migrations 001 to 005 come first.';
  END IF;

  -- An archive made LIKE jobs gets the columns in the same order: INSERT INTO jobs_archive SELECT * goes on working.
  SELECT count(DISTINCT names) = 1 INTO alike
    FROM (SELECT array_agg(a.attname ORDER BY a.attnum) AS names
            FROM pg_attribute a
           WHERE a.attrelid IN (to_regclass(jobs), to_regclass(archive)) AND a.attnum > 0 AND NOT a.attisdropped
             AND a.attname NOT IN ('idempotency_key', 'debounce_key')
           GROUP BY a.attrelid) tables;
  FOREACH target IN ARRAY ARRAY[jobs, archive] LOOP
    CONTINUE WHEN target = archive AND NOT EXISTS (
      SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = schema_name AND c.relname = archive_name AND c.relkind IN ('r', 'p')
         AND (SELECT count(*) FROM pg_attribute a
               WHERE a.attrelid = c.oid AND NOT a.attisdropped
                 AND a.attname IN ('id', 'job_type', 'payload', 'run_after', 'finished_at', 'updated_at')) = 6);
    SELECT string_agg(format('ADD COLUMN IF NOT EXISTS %s text', new.name), ', ' ORDER BY new.place)
      INTO missing
      FROM (VALUES (1, 'idempotency_key'), (2, 'debounce_key')) AS new (place, name)
     WHERE NOT EXISTS (SELECT FROM pg_attribute a
                        WHERE a.attrelid = to_regclass(target) AND a.attname = new.name AND NOT a.attisdropped);
    CONTINUE WHEN missing IS NULL;
    IF target = archive AND NOT alike THEN
      RAISE WARNING 'pqrun: % has columns of its own: name the columns when archiving into it', archive;
    END IF;
    EXECUTE 'ALTER TABLE ' || target || ' ' || missing;
  END LOOP;

  -- The indexes: as 002 builds its own.
  IF build = 'empty' THEN
    EXECUTE 'SELECT NOT EXISTS (SELECT FROM ' || jobs || ')' INTO building;
  END IF;
  FOR own IN
    SELECT * FROM (VALUES (1, idempotency_name, idempotency_keys),
                          (2, debounce_name, debounce_keys)) AS v (place, name, keys)
     ORDER BY place
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
    BEGIN
      EXECUTE 'EXPLAIN INSERT INTO ' || jobs || ' (job_type) VALUES ('''') ON CONFLICT ' || own.keys || ' DO NOTHING';
    EXCEPTION WHEN invalid_column_reference THEN
      IF found.oid IS NOT NULL THEN
        EXECUTE format('DROP INDEX %I.%I', schema_name, own.name);
      END IF;
      EXECUTE format('CREATE UNIQUE INDEX IF NOT EXISTS %I ON %s %s', own.name, jobs, own.keys);
    END;
  END LOOP;

  PERFORM set_config('lock_timeout', wait_before, true);
  PERFORM set_config('search_path', path_before, true);
END
$pqrun$;
