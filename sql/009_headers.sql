-- pqrun 009: headers.
--
-- headers has what an enqueue gave beside the payload, texts by name: what continues a trace, a tenant, a
-- release. It is null where nothing was given, and costs a job nothing then.
DO $pqrun$
DECLARE
  schema_name  CONSTANT text := 'public';
  table_name   CONSTANT text := 'jobs';
  archive_name CONSTANT text := 'jobs_archive';
  lock_wait    CONSTANT text := '2s';

  jobs        CONSTANT text := pg_catalog.format('%I.%I', schema_name, table_name);
  archive     CONSTANT text := pg_catalog.format('%I.%I', schema_name, archive_name);
  lock_key    CONSTANT bigint := 482939663726;
  path_before CONSTANT text := pg_catalog.current_setting('search_path');
  wait_before CONSTANT text := pg_catalog.current_setting('lock_timeout');

  alike  boolean;
  target text;
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock(lock_key);
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM set_config('lock_timeout', lock_wait, true);

  IF NOT EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = to_regclass(jobs) AND a.attname = 'errors' AND NOT a.attisdropped) THEN
    RAISE EXCEPTION 'pqrun: % is not a job queue with pqrun''s columns; nothing was changed', jobs
      USING ERRCODE = 'PQR01', HINT = 'Migrations 001 to 008 come first.';
  END IF;

  -- An archive made LIKE jobs gets the column in the same place: INSERT INTO jobs_archive SELECT * goes on working.
  SELECT count(DISTINCT names) = 1 INTO alike
    FROM (SELECT array_agg(a.attname ORDER BY a.attnum) AS names
            FROM pg_attribute a
           WHERE a.attrelid IN (to_regclass(jobs), to_regclass(archive)) AND a.attnum > 0 AND NOT a.attisdropped
             AND a.attname <> 'headers'
           GROUP BY a.attrelid) tables;
  FOREACH target IN ARRAY ARRAY[jobs, archive] LOOP
    CONTINUE WHEN target = archive AND NOT EXISTS (
      SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = schema_name AND c.relname = archive_name AND c.relkind IN ('r', 'p')
         AND (SELECT count(*) FROM pg_attribute a
               WHERE a.attrelid = c.oid AND NOT a.attisdropped
                 AND a.attname IN ('id', 'job_type', 'payload', 'run_after', 'finished_at', 'updated_at')) = 6);
    CONTINUE WHEN EXISTS (SELECT FROM pg_attribute a
                           WHERE a.attrelid = to_regclass(target) AND a.attname = 'headers' AND NOT a.attisdropped);
    IF target = archive AND NOT alike THEN
      RAISE WARNING 'pqrun: % has columns of its own: name the columns when archiving into it', archive;
    END IF;
    EXECUTE 'ALTER TABLE ' || target || ' ADD COLUMN IF NOT EXISTS headers jsonb';
  END LOOP;

  PERFORM set_config('lock_timeout', wait_before, true);
  PERFORM set_config('search_path', path_before, true);
END
$pqrun$;
