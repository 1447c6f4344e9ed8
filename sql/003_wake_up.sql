-- pqrun 003: the wake-up.
--
-- A worker that waits for a NOTIFY keeps a row in jobs_waiting, which says for which types of
-- job and until when. Triggers notify for what is inserted, or made READY by an UPDATE, only
-- if such a worker waits for it: an unconditional NOTIFY takes a lock that all writers share
-- until each commit is on disk. Workers that wait poll too, so that a wake-up that is lost
-- (an unlogged table is empty after a crash) costs time, never a job.
--
-- What a NOTIFY says: [1, [[type, due], …]], JSON, where due is in milliseconds since 1970 by
-- the database's clock; of a statement that inserts one job [1, [[type, due, priority, "id"]]].
-- An empty text says that there may be work, and so does any other that its reader can't read.
DO $pqrun$
DECLARE
  schema_name  CONSTANT text := 'public';
  table_name   CONSTANT text := 'jobs';
  waiting_name CONSTANT text := 'jobs_waiting';
  until_name   CONSTANT text := 'jobs_waiting_until';
  wake_name    CONSTANT text := 'jobs_wake';
  again_name   CONSTANT text := 'jobs_wake_again';
  channel      CONSTANT text := 'pqrun_jobs';
  lock_wait    CONSTANT text := '2s';

  jobs        CONSTANT text := pg_catalog.format('%I.%I', schema_name, table_name);
  waiting     CONSTANT text := pg_catalog.format('%I.%I', schema_name, waiting_name);
  wake        CONSTANT text := pg_catalog.format('%I.%I', schema_name, wake_name);
  lock_key    CONSTANT bigint := 482939663726;
  path_before CONSTANT text := pg_catalog.current_setting('search_path');
  wait_before CONSTANT text := pg_catalog.current_setting('lock_timeout');

  body CONSTANT text := pg_catalog.format($body$
-- pqrun's: wakes the workers that wait.
DECLARE
  -- An isolated transaction may not see a worker that has waited since it began, so it notifies.
  isolated CONSTANT boolean := pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed';
  jobs    record;
  message text;
BEGIN
  -- Each look goes down the index from its end: while somebody holds an old snapshot, the rows of
  -- workers that came and went stay in the table, and to read it whole takes milliseconds.
  IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
    -- Where nobody waits, what was inserted is not looked at.
    IF NOT isolated AND (SELECT true FROM %1$s w WHERE w.until OPERATOR(pg_catalog.>) pg_catalog.now()
                          ORDER BY w.until DESC LIMIT 1) IS NULL THEN
      RETURN NULL;
    END IF;
    SELECT pg_catalog.count(*) AS number, pg_catalog.min(n.job_type) AS type, pg_catalog.max(n.job_type) AS last_type,
           greatest(pg_catalog.min(n.run_after), pg_catalog.now()) AS due,
           pg_catalog.min(n.priority) AS priority, pg_catalog.min(n.id)::pg_catalog.text AS id
      INTO jobs
      FROM fresh n
     WHERE n.status OPERATOR(pg_catalog.=) 'READY' AND n.run_after OPERATOR(pg_catalog.<) 'infinity';
    IF jobs.type OPERATOR(pg_catalog.<>) jobs.last_type THEN
      SELECT CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>) 8 THEN ''
                  WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 THEN
                    pg_catalog.json_build_array(1, pg_catalog.json_agg(pg_catalog.json_build_array(t.name,
                      pg_catalog.floor(pg_catalog.date_part('epoch', t.due) OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8)))::pg_catalog.text
             END
        INTO message
        FROM (SELECT n.job_type, greatest(pg_catalog.min(n.run_after), pg_catalog.now())
                FROM fresh n
               WHERE n.status OPERATOR(pg_catalog.=) 'READY' AND n.run_after OPERATOR(pg_catalog.<) 'infinity'
               GROUP BY n.job_type) t (name, due)
       WHERE isolated OR (SELECT true FROM %1$s w
                           WHERE w.until OPERATOR(pg_catalog.>) t.due
                             AND (w.types IS NULL OR t.name OPERATOR(pg_catalog.=) ANY (w.types))
                           ORDER BY w.until DESC LIMIT 1);
    ELSIF jobs.number OPERATOR(pg_catalog.>) 0 AND (isolated OR (
        SELECT true FROM %1$s w
         WHERE w.until OPERATOR(pg_catalog.>) jobs.due
           AND (w.types IS NULL OR jobs.type OPERATOR(pg_catalog.=) ANY (w.types))
         ORDER BY w.until DESC LIMIT 1)) THEN
      message := pg_catalog.json_build_array(1, pg_catalog.json_build_array(
        CASE WHEN jobs.number OPERATOR(pg_catalog.=) 1
             THEN pg_catalog.json_build_array(jobs.type, pg_catalog.floor(pg_catalog.date_part('epoch', jobs.due)
                    OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8, jobs.priority, jobs.id)
             ELSE pg_catalog.json_build_array(jobs.type, pg_catalog.floor(pg_catalog.date_part('epoch', jobs.due)
                    OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8) END));
    END IF;
  ELSIF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' THEN
    message := '';
  ELSIF NEW.run_after OPERATOR(pg_catalog.<) 'infinity' AND (isolated OR (
      SELECT true FROM %1$s w
       WHERE w.until OPERATOR(pg_catalog.>) greatest(NEW.run_after, pg_catalog.now())
         AND (w.types IS NULL OR NEW.job_type OPERATOR(pg_catalog.=) ANY (w.types))
       ORDER BY w.until DESC LIMIT 1)) THEN
    -- Whole seconds: jobs that a statement puts off by much the same time are one message.
    message := pg_catalog.json_build_array(1, pg_catalog.json_build_array(pg_catalog.json_build_array(NEW.job_type,
                 pg_catalog.floor(pg_catalog.date_part('epoch', greatest(NEW.run_after, pg_catalog.now())))::pg_catalog.int8
                   OPERATOR(pg_catalog.*) 1000)));
  END IF;
  -- PostgreSQL 12 drops no message that a subtransaction repeats, and each call of this function is one.
  IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND message IS NOT NULL THEN
    IF pg_catalog.current_setting('pqrun.notified', true) OPERATOR(pg_catalog.=) (%2$L OPERATOR(pg_catalog.||) message) THEN
      RETURN NULL;
    END IF;
    PERFORM pg_catalog.set_config('pqrun.notified', %2$L OPERATOR(pg_catalog.||) message, true);
  END IF;
  -- A full queue of NOTIFYs would refuse the commit.
  IF message IS NOT NULL AND pg_catalog.pg_notification_queue_usage() OPERATOR(pg_catalog.<) 0.9 THEN
    PERFORM pg_catalog.pg_notify(%2$L, message);
  END IF;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  -- Whatever goes wrong here, the statement goes on: a worker's poll finds the job.
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
  own     record;
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
         || ' (worker text PRIMARY KEY, until timestamptz NOT NULL, types text[])';
    -- The triggers run with the rights of the role that writes.
    EXECUTE 'GRANT SELECT ON ' || waiting || ' TO PUBLIC';
    guard := to_regclass(waiting);
  ELSIF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = guard AND a.attname = 'types' AND NOT a.attisdropped) THEN
    -- A worker that doesn't say which types it waits for waits for all.
    EXECUTE 'ALTER TABLE ' || waiting || ' ADD COLUMN types text[]';
    -- A killed worker of 0.1.0 may have left a row that stands for ten years.
    EXECUTE 'UPDATE ' || waiting || ' SET until = now() + interval ''1 day'' WHERE until > now() + interval ''1 day''';
  END IF;
  IF to_regclass(format('%I.%I', schema_name, until_name)) IS NULL THEN
    EXECUTE format('CREATE INDEX %I ON %s (until)', until_name, waiting);
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

  -- That of 0.1.0 doesn't see what was inserted.
  IF EXISTS (SELECT FROM pg_trigger t
              WHERE t.tgrelid = to_regclass(jobs) AND t.tgname = wake_name AND t.tgnewtable IS NULL) THEN
    EXECUTE format('DROP TRIGGER %I ON %s', wake_name, jobs);
  END IF;
  FOR own IN
    SELECT * FROM (VALUES
      (wake_name, jobs, 'AFTER INSERT ON %s REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT'),
      -- A condition of each row costs a settlement a third of a microsecond, and a transition table more.
      (again_name, jobs, 'AFTER UPDATE ON %s FOR EACH ROW WHEN (NEW.status = ''READY'' AND (OLD.status <> ''READY'''
                         ' OR NEW.run_after < OLD.run_after OR NEW.job_type <> OLD.job_type))'),
      (wake_name, waiting, 'AFTER TRUNCATE ON %s FOR EACH STATEMENT')) AS v (name, target, definition)
     WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = to_regclass(v.target) AND t.tgname = v.name)
  LOOP
    EXECUTE format('CREATE TRIGGER %I ', own.name) || format(own.definition, own.target)
         || format(' EXECUTE FUNCTION %s()', wake);
  END LOOP;

  PERFORM set_config('lock_timeout', wait_before, true);
  PERFORM set_config('search_path', path_before, true);
END
$pqrun$;
