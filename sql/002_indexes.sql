-- pqrun 002: the indexes.
--
-- Builds what is missing, and builds again what a broken-off build left invalid. build says
-- when: 'always'; 'empty', only where no row is; 'never'. On a table with rows 'always' keeps
-- writers waiting for as long as the build takes: `pqrun migrate` and `pqrun sql --concurrently`
-- build beside them, after this block.
DO $pqrun$
DECLARE
  schema_name  CONSTANT text := 'public';
  table_name   CONSTANT text := 'jobs';
  ready_name   CONSTANT text := 'jobs_ready';
  ready_due_name CONSTANT text := 'jobs_ready_due';
  running_name CONSTANT text := 'jobs_running';
  failed_name  CONSTANT text := 'jobs_failed';
  cancelled_name CONSTANT text := 'jobs_cancelled';
  dedupe_name  CONSTANT text := 'uq_jobs_active_dedupe';
  pick_name    CONSTANT text := 'idx_jobs_pick';
  type_name    CONSTANT text := 'idx_jobs_type';
  python_pick_name CONSTANT text := 'jobs_python_pick';
  build        CONSTANT text := 'always';
  lock_wait    CONSTANT text := '2s';

  -- Whether to build an index for the Python package's pick-up; and whether to drop its own two.
  with_pick    CONSTANT boolean := false;
  without_python_indexes CONSTANT boolean := false;

  ready_keys   CONSTANT text := '(job_type, priority DESC, run_after, id) WHERE status = ''READY''';
  -- What is due in whatever priority, for types that have thousands; jobs of the usual priority are not in it, and cost nothing.
  ready_due_keys CONSTANT text := '(job_type, run_after, priority) WHERE status = ''READY'' AND priority <> 0';
  -- By id, not by time: a lease that is extended moves no index entry.
  running_keys CONSTANT text := '(id) WHERE status = ''RUNNING''';
  -- For lists, and for what is retried by its type. A job that succeeds is in neither.
  failed_keys  CONSTANT text := '(job_type, id) WHERE status = ''FAILED''';
  cancelled_keys CONSTANT text := '(id) WHERE status = ''CANCELLED''';
  dedupe_keys  CONSTANT text := '(dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN (''READY'', ''RUNNING'')';
  -- In the order in which Python picks up. Its own index has the due time first: each pick-up sorts all that is due.
  python_pick_keys CONSTANT text := '(priority DESC, id) WHERE status = ''READY''';

  jobs        CONSTANT text := pg_catalog.format('%I.%I', schema_name, table_name);
  lock_key    CONSTANT bigint := 482939663726;
  path_before CONSTANT text := pg_catalog.current_setting('search_path');
  wait_before CONSTANT text := pg_catalog.current_setting('lock_timeout');

  building boolean := build = 'always';
  own      record;
  found    record;
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock(lock_key);
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM set_config('lock_timeout', lock_wait, true);

  IF NOT EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = to_regclass(jobs) AND a.attname = 'lease_holder' AND NOT a.attisdropped) THEN
    RAISE EXCEPTION 'pqrun: % is not a job queue with pqrun''s columns; nothing was changed', jobs
      USING ERRCODE = 'PQR01', HINT = 'Migration 001 comes first.';
  END IF;

  IF build = 'empty' THEN
    EXECUTE 'SELECT NOT EXISTS (SELECT FROM ' || jobs || ')' INTO building;
  END IF;

  FOR own IN
    SELECT * FROM (VALUES (1, ready_name, '', ready_keys, true),
                          (2, ready_due_name, '', ready_due_keys, true),
                          (3, running_name, '', running_keys, true),
                          (4, dedupe_name, 'UNIQUE ', dedupe_keys, true),
                          (5, failed_name, '', failed_keys, true),
                          (6, cancelled_name, '', cancelled_keys, true),
                          (7, python_pick_name, '', python_pick_keys, with_pick)) AS v (place, name, uniqueness, keys, wanted)
     WHERE wanted ORDER BY place
  LOOP
    SELECT c.oid, i.indrelid, i.indisvalid INTO found
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
     WHERE n.nspname = schema_name AND c.relname = own.name;
    -- IF NOT EXISTS would take anything of that name for the index.
    IF found.oid IS NOT NULL AND found.indrelid IS DISTINCT FROM to_regclass(jobs)::oid THEN
      RAISE EXCEPTION 'pqrun: the name of the index %.% is taken', quote_ident(schema_name), quote_ident(own.name)
        USING ERRCODE = 'PQR01', HINT = 'Choose another table or schema.';
    END IF;
    IF NOT building AND NOT found.indisvalid THEN
      BEGIN
        -- Who builds an index holds this lock. It is not waited for: the build would wait for us.
        EXECUTE 'LOCK TABLE ' || jobs || ' IN SHARE UPDATE EXCLUSIVE MODE NOWAIT';
        IF EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = found.oid AND NOT i.indisvalid) THEN
          -- Out of the way, under a name that nobody else uses: migrate drops what bears it.
          EXECUTE format('ALTER INDEX %I.%I RENAME TO %I', schema_name, own.name, 'pqrun_invalid_' || found.oid);
          RAISE NOTICE 'pqrun: an invalid index is now called %: DROP INDEX CONCURRENTLY it', 'pqrun_invalid_' || found.oid;
        END IF;
      EXCEPTION WHEN lock_not_available THEN
        NULL; -- It is being built.
      END;
    END IF;
    CONTINUE WHEN NOT building OR found.indisvalid;
    IF own.uniqueness <> '' THEN
      BEGIN
        -- What the index is for: an ON CONFLICT that names it finds it, or another that does as well.
        EXECUTE 'EXPLAIN INSERT INTO ' || jobs || ' (job_type) VALUES ('''') ON CONFLICT ' || own.keys || ' DO NOTHING';
        CONTINUE;
      EXCEPTION WHEN invalid_column_reference THEN
        NULL; -- There is none.
      END;
    END IF;
    IF found.oid IS NOT NULL THEN
      EXECUTE format('DROP INDEX %I.%I', schema_name, own.name);
    END IF;
    EXECUTE format('CREATE %sINDEX IF NOT EXISTS %I ON %s %s', own.uniqueness, own.name, jobs, own.keys);
  END LOOP;

  IF without_python_indexes AND building THEN
    FOR own IN
      SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       WHERE i.indrelid = to_regclass(jobs)
         AND c.relname IN (type_name, pick_name)
    LOOP
      EXECUTE format('DROP INDEX %I.%I', schema_name, own.name);
    END LOOP;
  END IF;

  PERFORM set_config('lock_timeout', wait_before, true);
  PERFORM set_config('search_path', path_before, true);
END
$pqrun$;
