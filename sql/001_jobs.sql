-- pqrun 001: the table.
--
-- Creates it, or adds pqrun's columns to the table of the Python package, rows and workers
-- and all. Applying it again changes nothing. A table of that name that is neither is
-- refused, and left as it is.
--
-- Runs as it stands, with psql -f, for public.jobs. For other names use `pqrun sql`, which
-- changes the literals of the first lines below and nothing else. The right to create in
-- the schema is enough; no superuser. On a busy table it gives up after lock_wait rather
-- than hold up the queue: run it again.
DO $pqrun$
DECLARE
  schema_name  CONSTANT text := 'public';
  table_name   CONSTANT text := 'jobs';
  archive_name CONSTANT text := 'jobs_archive';
  lock_wait    CONSTANT text := '2s';

  jobs        CONSTANT text := pg_catalog.format('%I.%I', schema_name, table_name);
  archive     CONSTANT text := pg_catalog.format('%I.%I', schema_name, archive_name);
  status_type CONSTANT text := pg_catalog.format('%I.job_status', schema_name);
  -- One key for all tables, since tables share schemas and the enum: 'pqrun' in ASCII.
  lock_key    CONSTANT bigint := 482939663726;
  path_before CONSTANT text := pg_catalog.current_setting('search_path');
  wait_before CONSTANT text := pg_catalog.current_setting('lock_timeout');

  found   record;
  wrong   text;
  missing text;
  target  text;
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock(lock_key);
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM set_config('lock_timeout', lock_wait, true);

  -- Where the default isolation is stricter, this block's snapshot is older than the lock. So
  -- what is there is looked up by query, all in one snapshot, and created IF NOT EXISTS.
  SELECT c.oid, c.relkind INTO found
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = schema_name AND c.relname = table_name;

  IF found.oid IS NOT NULL AND found.relkind <> 'r' THEN
    RAISE EXCEPTION 'pqrun: % is not an ordinary table; nothing was changed', jobs
      USING ERRCODE = 'PQR01', HINT = 'Choose another table or schema.';
  END IF;

  IF found.oid IS NOT NULL THEN
    SELECT concat_ws('; ',
             'it lacks ' || string_agg(want.name, ', ' ORDER BY want.place) FILTER (WHERE a.type IS NULL),
             string_agg(want.name || ' is ' || a.type || ', not ' || want.type, '; ' ORDER BY want.place))
      INTO wrong
      FROM (VALUES (1, 'id', 'bigint'), (2, 'job_type', 'text'), (3, 'payload', 'jsonb'),
                   (4, 'status', status_type), (5, 'priority', 'integer'), (6, 'attempts', 'integer'),
                   (7, 'max_attempts', 'integer'), (8, 'run_after', 'timestamp with time zone'),
                   (9, 'timeout_seconds', 'integer'), (10, 'locked_at', 'timestamp with time zone'),
                   (11, 'locked_by', 'text'), (12, 'dedupe_key', 'text'), (13, 'last_error', 'text'),
                   (14, 'finished_at', 'timestamp with time zone'), (15, 'duration_ms', 'integer'),
                   (16, 'result', 'jsonb'), (17, 'created_at', 'timestamp with time zone'),
                   (18, 'updated_at', 'timestamp with time zone')) AS want (place, name, type)
      LEFT JOIN (SELECT attname, CASE format_type(atttypid, NULL) WHEN 'character varying' THEN 'text'
                                      ELSE format_type(atttypid, NULL) END AS type
                   FROM pg_attribute
                  WHERE attrelid = found.oid AND attnum > 0 AND NOT attisdropped) a ON a.attname = want.name
     WHERE a.type IS DISTINCT FROM want.type;
    IF wrong <> '' THEN
      RAISE EXCEPTION 'pqrun: % is not a job queue: %; nothing was changed', jobs, wrong
        USING ERRCODE = 'PQR01', HINT = 'It may be the application''s own. Choose another table or schema.';
    END IF;
  END IF;

  SELECT string_agg(label, ', ') INTO wrong
    FROM unnest(ARRAY['READY', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED']) AS label
   WHERE EXISTS (SELECT FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
                  WHERE n.nspname = schema_name AND t.typname = 'job_status')
     AND NOT EXISTS (SELECT FROM pg_enum e
                       JOIN pg_type t ON t.oid = e.enumtypid
                       JOIN pg_namespace n ON n.oid = t.typnamespace
                      WHERE n.nspname = schema_name AND t.typname = 'job_status' AND e.enumlabel = label);
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'pqrun: the type % has no %; nothing was changed', status_type, wrong
      USING ERRCODE = 'PQR01', HINT = 'It may be the application''s own. Choose another schema.';
  END IF;

  IF found.oid IS NULL THEN
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = schema_name) THEN
      EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', schema_name);
    END IF;
    IF to_regtype(status_type) IS NULL THEN
      EXECUTE 'CREATE TYPE ' || status_type || ' AS ENUM (''READY'', ''RUNNING'', ''DONE'', ''FAILED'', ''CANCELLED'')';
    END IF;
    EXECUTE 'CREATE TABLE IF NOT EXISTS ' || jobs || ' (
      id              bigserial   PRIMARY KEY,
      job_type        text        NOT NULL,
      payload         jsonb       NOT NULL DEFAULT ''{}'',
      status          ' || status_type || ' NOT NULL DEFAULT ''READY'',
      priority        int         NOT NULL DEFAULT 0,
      attempts        int         NOT NULL DEFAULT 0,
      max_attempts    int         NOT NULL DEFAULT 5,
      run_after       timestamptz NOT NULL DEFAULT now(),
      timeout_seconds int,
      locked_at       timestamptz,
      locked_by       text,
      dedupe_key      text,
      last_error      text,
      finished_at     timestamptz,
      duration_ms     int,
      result          jsonb,
      created_at      timestamptz NOT NULL DEFAULT now(),
      updated_at      timestamptz NOT NULL DEFAULT now()
    )';
  END IF;

  -- An archive made LIKE jobs gets the columns in the same order: INSERT INTO jobs_archive SELECT * goes on working.
  FOREACH target IN ARRAY ARRAY[jobs, archive] LOOP
    CONTINUE WHEN target = archive AND NOT EXISTS (
      SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = schema_name AND c.relname = archive_name AND c.relkind IN ('r', 'p')
         AND (SELECT count(*) FROM pg_attribute a
               WHERE a.attrelid = c.oid AND NOT a.attisdropped
                 AND a.attname IN ('id', 'job_type', 'payload', 'run_after', 'finished_at', 'updated_at')) = 6);
    SELECT string_agg(format('ADD COLUMN IF NOT EXISTS %s %s', new.name, new.definition), ', ' ORDER BY new.place)
      INTO missing
      FROM (VALUES (1, 'lease_expires_at', 'timestamptz'),
                   (2, 'lease_holder', 'text'),
                   (3, 'released', 'smallint NOT NULL DEFAULT 0')) AS new (place, name, definition)
     WHERE NOT EXISTS (SELECT FROM pg_attribute a
                        WHERE a.attrelid = to_regclass(target) AND a.attname = new.name AND NOT a.attisdropped);
    CONTINUE WHEN missing IS NULL;
    IF target = archive AND (SELECT count(*) FROM pg_attribute a
                              WHERE a.attrelid = to_regclass(archive) AND a.attnum > 0 AND NOT a.attisdropped) <> 18 THEN
      RAISE WARNING 'pqrun: % has columns of its own: name the columns when archiving into it', archive;
    END IF;
    EXECUTE 'ALTER TABLE ' || target || ' ' || missing;
  END LOOP;

  -- An ORM may have made the table and kept the defaults to itself; a plain INSERT needs them.
  SELECT string_agg(format('ALTER COLUMN %s SET DEFAULT %s', own.name, own.value), ', ') INTO missing
    FROM (VALUES ('payload', '''{}'''), ('status', '''READY'''), ('priority', '0'), ('attempts', '0'),
                 ('max_attempts', '5'), ('run_after', 'now()'), ('created_at', 'now()'),
                 ('updated_at', 'now()')) AS own (name, value)
    JOIN pg_attribute a ON a.attrelid = to_regclass(jobs) AND a.attname = own.name AND NOT a.atthasdef;
  IF missing IS NOT NULL THEN
    EXECUTE 'ALTER TABLE ' || jobs || ' ' || missing;
  END IF;

  -- Rows are updated twice in their lives: leave room, and vacuum early. What is set already was set by somebody.
  SELECT string_agg(own.name || ' = ' || own.value, ', ') INTO missing
    FROM (VALUES (120000, 'fillfactor', '80'),
                 (120000, 'autovacuum_vacuum_scale_factor', '0.01'),
                 (120000, 'autovacuum_vacuum_threshold', '1000'),
                 (120000, 'autovacuum_vacuum_cost_delay', '0'),
                 (120000, 'autovacuum_analyze_scale_factor', '0.02'),
                 (130000, 'autovacuum_vacuum_insert_scale_factor', '0.1')) AS own (since, name, value)
   WHERE current_setting('server_version_num')::int >= own.since
     AND NOT EXISTS (SELECT FROM pg_class c, pg_options_to_table(c.reloptions) o
                      WHERE c.oid = to_regclass(jobs) AND o.option_name = own.name);
  IF missing IS NOT NULL THEN
    EXECUTE 'ALTER TABLE ' || jobs || ' SET (' || missing || ')';
  END IF;

  PERFORM set_config('lock_timeout', wait_before, true);
  PERFORM set_config('search_path', path_before, true);
END
$pqrun$;
