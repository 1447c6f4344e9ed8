-- pqrun 004: the schedules.
--
-- A row of jobs_schedules makes a job at each tick of its cron expression, in its time zone.
-- The database computes the next tick, whatever writes the row: a trigger plans it, and refuses
-- a wrong expression or zone. jobs_tick() makes the jobs of all ticks that are due, each once,
-- however many call it at once. Every worker and drain of pqrun calls it when a tick is due;
-- where none runs, pg_cron or anything else may: SELECT * FROM jobs_tick().
--
-- The signatures of the functions are frozen: CREATE OR REPLACE can't change them.
DO $pqrun$
DECLARE
  schema_name     CONSTANT text := 'public';
  table_name      CONSTANT text := 'jobs';
  archive_name    CONSTANT text := 'jobs_archive';
  waiting_name    CONSTANT text := 'jobs_waiting';
  schedules_name  CONSTANT text := 'jobs_schedules';
  due_name        CONSTANT text := 'jobs_schedules_due';
  tick_index_name CONSTANT text := 'uq_jobs_tick';
  field_name      CONSTANT text := 'jobs_cron_field';
  wall_name       CONSTANT text := 'jobs_cron_wall';
  ticks_name      CONSTANT text := 'jobs_cron_ticks';
  plan_name       CONSTANT text := 'jobs_plan';
  tick_name       CONSTANT text := 'jobs_tick';
  wake_tick_name  CONSTANT text := 'jobs_wake_tick';
  wake_new_name   CONSTANT text := 'jobs_wake_tick_new';
  channel         CONSTANT text := 'pqrun_jobs';
  build           CONSTANT text := 'always';
  lock_wait       CONSTANT text := '2s';

  tick_keys   CONSTANT text := '(schedule, scheduled_for) WHERE schedule IS NOT NULL';

  jobs        CONSTANT text := pg_catalog.format('%I.%I', schema_name, table_name);
  archive     CONSTANT text := pg_catalog.format('%I.%I', schema_name, archive_name);
  waiting     CONSTANT text := pg_catalog.format('%I.%I', schema_name, waiting_name);
  schedules   CONSTANT text := pg_catalog.format('%I.%I', schema_name, schedules_name);
  cron_field  CONSTANT text := pg_catalog.format('%I.%I', schema_name, field_name);
  cron_wall   CONSTANT text := pg_catalog.format('%I.%I', schema_name, wall_name);
  cron_ticks  CONSTANT text := pg_catalog.format('%I.%I', schema_name, ticks_name);
  plan_tick   CONSTANT text := pg_catalog.format('%I.%I', schema_name, plan_name);
  wake_tick   CONSTANT text := pg_catalog.format('%I.%I', schema_name, wake_tick_name);
  lock_key    CONSTANT bigint := 482939663726;
  path_before CONSTANT text := pg_catalog.current_setting('search_path');
  wait_before CONSTANT text := pg_catalog.current_setting('lock_timeout');

  field_body CONSTANT text := $body$
-- pqrun's.
DECLARE
  item text; part text[]; a int; b int; step int; found int[] := '{}';
BEGIN
  FOREACH item IN ARRAY string_to_array(upper(field), ',') LOOP
    -- No backslash in any literal here: standard_conforming_strings decides what it means when the function runs.
    part := regexp_match(item, '^([*]|[?]|([0-9]{1,2}|[A-Z]{3})(?:-([0-9]{1,2}|[A-Z]{3}))?)(?:/([0-9]{1,2}))?$');
    step := coalesce(part[4]::int, 1);
    -- The names stand in one text, three letters each: their place is their number.
    a := CASE WHEN part[2] ~ '^[0-9]' THEN part[2]::int
              WHEN position(part[2] IN names) % 3 = 1 THEN position(part[2] IN names) / 3 + lowest
              WHEN part[2] IS NULL AND part[1] IS NOT NULL THEN lowest END;
    b := CASE WHEN part[3] ~ '^[0-9]' THEN part[3]::int
              WHEN position(part[3] IN names) % 3 = 1 THEN position(part[3] IN names) / 3 + lowest
              WHEN part[3] IS NOT NULL THEN NULL
              WHEN part[2] IS NULL OR part[4] IS NOT NULL THEN highest
              ELSE a END;
    IF a IS NULL OR b IS NULL OR a < lowest OR b > highest OR a > b OR step < 1 THEN
      RAISE EXCEPTION 'cron: % is not a %', quote_literal(field), title USING ERRCODE = '22023';
    END IF;
    found := found || ARRAY(SELECT generate_series(a, b, step));
  END LOOP;
  IF found = '{}' THEN
    RAISE EXCEPTION 'cron: % is not a %', quote_literal(field), title USING ERRCODE = '22023';
  END IF;
  RETURN ARRAY(SELECT DISTINCT v FROM unnest(found) v ORDER BY v);
END
$body$;

  wall_body CONSTANT text := $body$
-- pqrun's.
DECLARE
  day date := from_wall::date; second int := ceil(extract(epoch FROM from_wall::time))::int;
  by_month boolean; by_week boolean; h int; m int; s int;
BEGIN
  FOR i IN 0 .. 14700 LOOP
    IF NOT extract(month FROM day)::int = ANY (months) THEN
      day := (date_trunc('month', day::timestamp) + interval '1 month')::date;
      second := 0;
      CONTINUE;
    END IF;
    by_month := extract(day FROM day)::int = ANY (days) OR month_ends AND extract(day FROM day + 1) = 1;
    by_week := extract(dow FROM day)::int = ANY (weekdays) OR extract(isodow FROM day)::int = ANY (weekdays);
    IF by_month AND by_week OR either AND (by_month OR by_week) THEN
      FOREACH h IN ARRAY hours LOOP
        CONTINUE WHEN h * 3600 + 3599 < second;
        FOREACH m IN ARRAY minutes LOOP
          CONTINUE WHEN h * 3600 + m * 60 + 59 < second;
          FOREACH s IN ARRAY seconds LOOP
            IF h * 3600 + m * 60 + s >= second THEN RETURN day + make_interval(secs => h * 3600 + m * 60 + s); END IF;
          END LOOP;
        END LOOP;
      END LOOP;
    END IF;
    day := day + 1;
    second := 0;
  END LOOP;
  RETURN NULL;
END
$body$;

  -- What runs every so many minutes or hours (a * in either field) follows the clock on the wall: not at all where it
  -- leaves an hour out, twice where an hour comes twice. A time of day that is named comes once a day: of two the first,
  -- and where it is left out as late as it would have come had nobody moved the clock.
  ticks_body CONSTANT text := pg_catalog.format($body$
-- pqrun's.
DECLARE
  f text[] := regexp_split_to_array(btrim(cron), '[[:space:]]+');
  seconds int[] := '{0}'; minutes int[]; hours int[]; days int[]; months int[]; weekdays int[];
  month_ends boolean; either boolean; by_the_clock boolean;
  moment timestamptz := after; back interval := '2 minutes'; tick timestamptz; best timestamptz; given int := 0;
  wall timestamp; shown timestamp; moved interval; low timestamptz; high timestamptz; middle timestamptz;
  before timestamptz; behind timestamptz; around CONSTANT interval := '3 hours';
BEGIN
  f := CASE lower(btrim(cron))
         WHEN '@hourly' THEN '{0,*,*,*,*}'::text[] WHEN '@daily' THEN '{0,0,*,*,*}' WHEN '@midnight' THEN '{0,0,*,*,*}'
         WHEN '@weekly' THEN '{0,0,*,*,0}' WHEN '@monthly' THEN '{0,0,1,*,*}' WHEN '@yearly' THEN '{0,0,1,1,*}'
         WHEN '@annually' THEN '{0,0,1,1,*}' ELSE f END;
  IF cardinality(f) = 6 THEN seconds := %1$s(f[1], 'second', 0, 59); f := f[2:6]; END IF;
  IF cardinality(f) <> 5 THEN
    RAISE EXCEPTION 'cron: %% has not 5 or 6 fields', quote_literal(cron) USING ERRCODE = '22023';
  END IF;
  -- PostgreSQL takes abbreviations and POSIX rules for zones too, whose signs are the other way round.
  IF time_zone !~ '^(UTC|GMT|Etc/[[:alnum:]_+-]+|[A-Z][[:alnum:]_-]+(/[[:alnum:]_+-]+)+)$' THEN
    RAISE EXCEPTION 'cron: %% is not a time zone''s name', quote_literal(time_zone) USING ERRCODE = '22023';
  END IF;
  minutes    := %1$s(f[1], 'minute', 0, 59);
  hours      := %1$s(f[2], 'hour', 0, 23);
  month_ends := upper(f[3]) = 'L';
  days       := CASE WHEN month_ends THEN '{}' ELSE %1$s(f[3], 'day of the month', 1, 31) END;
  months     := %1$s(f[4], 'month', 1, 12, 'JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC');
  weekdays   := %1$s(f[5], 'weekday', 0, 7, 'SUNMONTUEWEDTHUFRISAT');
  -- As cron has had it since 1987: of two restrictions of the day one is enough.
  either := f[3] !~ '^[*?]' AND f[5] !~ '^[*?]';
  by_the_clock := f[1] ~ '^[*?]' OR f[2] ~ '^[*?]';

  -- The latest: from ever further back, until there is one.
  WHILE latest AND moment < until LOOP
    moment := greatest(after, until - back);
    FOR tick IN SELECT t FROM %3$s(cron, time_zone, moment, until, 10000) t LOOP best := tick; END LOOP;
    EXIT WHEN best IS NOT NULL OR moment = after;
    back := back * 4;
  END LOOP;
  IF best IS NOT NULL THEN RETURN NEXT best; END IF;

  WHILE NOT latest AND given < most LOOP
    best := NULL;
    wall := moment AT TIME ZONE time_zone;
    shown := wall;
    IF by_the_clock THEN
      moved := (moment + around) AT TIME ZONE time_zone - wall - around;
      IF moved <> interval '0' THEN
        -- The clock is about to be moved: when?
        low := moment;
        high := moment + around;
        WHILE high - low > interval '1 second' LOOP
          middle := date_trunc('second', low + (high - low) / 2);
          IF middle AT TIME ZONE time_zone - wall = middle - moment THEN low := middle; ELSE high := middle; END IF;
        END LOOP;
        shown := high AT TIME ZONE time_zone;
        best := (%2$s(seconds, minutes, hours, days, months, weekdays, month_ends, either, shown) - shown) + high;
        -- Before that it goes on as it is.
        shown := %2$s(seconds, minutes, hours, days, months, weekdays, month_ends, either, wall + interval '1 microsecond');
        best := CASE WHEN (shown - wall) + moment < high THEN (shown - wall) + moment WHEN best < high + around THEN best END;
        shown := wall;
      END IF;
    ELSE
      -- What a gap has left out may still be to come.
      moved := wall - ((moment - around) AT TIME ZONE time_zone) - around;
      IF moved > interval '0' THEN shown := wall - moved; END IF;
    END IF;
    WHILE best IS NULL LOOP
      shown := %2$s(seconds, minutes, hours, days, months, weekdays, month_ends, either, shown + interval '1 microsecond');
      EXIT WHEN shown IS NULL;
      -- When the clock shows that: by what holds a day before, or a day after, or both, or neither.
      before := (shown - (((shown - interval '1 day') AT TIME ZONE 'UTC' AT TIME ZONE time_zone) - (shown - interval '1 day'))) AT TIME ZONE 'UTC';
      behind := (shown - (((shown + interval '1 day') AT TIME ZONE 'UTC' AT TIME ZONE time_zone) - (shown + interval '1 day'))) AT TIME ZONE 'UTC';
      tick := CASE WHEN before AT TIME ZONE time_zone = shown AND (before > moment OR NOT by_the_clock) THEN before
                   WHEN behind AT TIME ZONE time_zone = shown THEN behind
                   WHEN NOT by_the_clock THEN before END;
      IF tick > moment THEN best := tick; END IF;
    END LOOP;
    EXIT WHEN best IS NULL OR best > until;
    RETURN NEXT best;
    given := given + 1;
    moment := best;
  END LOOP;
END
$body$, cron_field, cron_wall, cron_ticks);

  plan_body CONSTANT text := pg_catalog.format($body$
-- pqrun's.
DECLARE
  planned timestamptz;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    NEW.updated_at := now();
    IF NEW.cron = OLD.cron AND NEW.time_zone = OLD.time_zone AND NEW.next_tick IS NOT NULL THEN
      IF NEW.paused THEN NEW.next_tick := NULL; END IF;
      RETURN NEW;
    END IF;
    -- One that was stopped by an error, or paused, begins anew: what it missed stays missed.
    NEW.next_tick := NULL;
  END IF;
  planned := (SELECT t FROM %1$s(NEW.cron, NEW.time_zone, greatest(now(), NEW.last_tick)) t);
  IF planned IS NULL THEN
    RAISE EXCEPTION 'cron: %% never comes', quote_literal(NEW.cron) USING ERRCODE = '22023';
  END IF;
  NEW.last_error := NULL;
  NEW.next_tick := CASE WHEN NOT NEW.paused THEN coalesce(NEW.next_tick, planned) END;
  RETURN NEW;
END
$body$, cron_ticks);

  -- Runs with its caller's search_path, which the application's own triggers on the jobs may need: so all is named in full.
  tick_body CONSTANT text := pg_catalog.format($body$
-- pqrun's.
#variable_conflict use_column
DECLARE
  s       record;
  planned pg_catalog.timestamptz;
  ticks   pg_catalog.timestamptz[];
  made    pg_catalog.int8[];
BEGIN
  FOR s IN
    SELECT d.* FROM %1$s d
     WHERE d.next_tick OPERATOR(pg_catalog.<=) moment
     ORDER BY d.next_tick, d.name LIMIT most
       -- A row that another has just dealt with is looked at again, as it is now, and is due no more.
       FOR NO KEY UPDATE SKIP LOCKED
  LOOP
    schedule := s.name;
    problem := NULL;
    made := '{}';
    BEGIN
      planned := (SELECT t FROM %2$s(s.cron, s.time_zone, s.next_tick) t);
      IF planned OPERATOR(pg_catalog.>) moment THEN
        -- Nothing was missed, as mostly.
        ticks := ARRAY[s.next_tick];
      ELSIF s.missed OPERATOR(pg_catalog.=) 'all' THEN
        ticks := pg_catalog.array_prepend(s.next_tick, ARRAY(
                   SELECT t FROM %2$s(s.cron, s.time_zone, s.next_tick, moment, most OPERATOR(pg_catalog.-) 1) t));
      ELSE
        ticks := ARRAY[coalesce((SELECT t FROM %2$s(s.cron, s.time_zone, s.next_tick, moment, 1, true) t), s.next_tick)];
      END IF;
      FOREACH tick IN ARRAY ticks LOOP
        job_id := NULL;
        INSERT INTO %3$s (job_type, payload, run_after, priority, max_attempts, timeout_seconds, dedupe_key, schedule, scheduled_for)
        SELECT s.job_type,
               CASE WHEN s.tick_as IS NULL THEN s.payload
                    ELSE s.payload OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object(
                           s.tick_as, pg_catalog.to_char(tick AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) END,
               tick OPERATOR(pg_catalog.+) (pg_catalog.mod(
                 pg_catalog.abs(pg_catalog.hashtext(pg_catalog.concat(s.name, ' ', pg_catalog.date_part('epoch', tick)))::pg_catalog.int8),
                 s.jitter_seconds::pg_catalog.int8 OPERATOR(pg_catalog.+) 1) OPERATOR(pg_catalog.*) interval '1 s'),
               s.priority, s.max_attempts, s.timeout_seconds,
               CASE WHEN s.overlap OPERATOR(pg_catalog.=) 'skip' THEN pg_catalog.concat('schedule:', s.name) END, s.name, tick
         WHERE s.missed OPERATOR(pg_catalog.<>) 'skip' OR tick OPERATOR(pg_catalog.>) (moment OPERATOR(pg_catalog.-) interval '1 minute')
        ON CONFLICT DO NOTHING
        RETURNING id INTO job_id;
        made := pg_catalog.array_append(made, job_id);
      END LOOP;
      UPDATE %1$s u
         SET last_tick = tick, last_error = NULL,
             last_job_id = coalesce((SELECT j FROM pg_catalog.unnest(made) WITH ORDINALITY m (j, place)
                                      WHERE j IS NOT NULL ORDER BY place DESC LIMIT 1), s.last_job_id),
             next_tick = CASE WHEN planned OPERATOR(pg_catalog.>) moment THEN planned ELSE (
                           SELECT t FROM %2$s(s.cron, s.time_zone,
                             CASE WHEN s.missed OPERATOR(pg_catalog.=) 'all' THEN tick ELSE greatest(tick, moment) END) t) END
       WHERE u.name OPERATOR(pg_catalog.=) s.name;
    EXCEPTION WHEN OTHERS THEN
      -- A conflict, a lack of rights or space, a server that shuts down: the schedule is not to blame, and the caller repeats it.
      IF SQLSTATE OPERATOR(pg_catalog.~) '^(25|40|53|55|57|58|XX|42501)' THEN
        RAISE;
      END IF;
      -- It is planned anew when it is written to, or resumed. The others go on.
      problem := SQLERRM;
      ticks := ARRAY[s.next_tick];
      made := ARRAY[NULL::pg_catalog.int8];
      UPDATE %1$s u SET next_tick = NULL, last_error = problem WHERE u.name OPERATOR(pg_catalog.=) s.name;
    END;
    FOR place IN 1 .. pg_catalog.cardinality(ticks) LOOP
      tick := ticks[place];
      job_id := made[place];
      RETURN NEXT;
    END LOOP;
  END LOOP;
END
$body$, schedules, cron_ticks, jobs);

  wake_body CONSTANT text := pg_catalog.format($body$
-- pqrun's: wakes the workers that wait, of whatever type, to plan their sleep anew.
BEGIN
  -- An isolated transaction may not see a worker that has waited since it began, so it notifies.
  IF (pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed'
      OR (SELECT true FROM %1$s w WHERE w.until OPERATOR(pg_catalog.>) pg_catalog.now() ORDER BY w.until DESC LIMIT 1))
     AND pg_catalog.pg_notification_queue_usage() OPERATOR(pg_catalog.<) 0.9 THEN
    PERFORM pg_catalog.pg_notify(%2$L, '');
  END IF;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  -- Whatever goes wrong here, the schedule is written: workers ask for the next tick at least once a minute.
  RETURN NULL;
END
$body$, waiting, channel);

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
                  WHERE a.attrelid = to_regclass(jobs) AND a.attname = 'lease_holder' AND NOT a.attisdropped)
     OR to_regclass(waiting) IS NULL THEN
    RAISE EXCEPTION 'pqrun: % is not a job queue with pqrun''s columns; nothing was changed', jobs
      USING ERRCODE = 'PQR01', HINT = 'Migrations 001 to 003 come first.';
  END IF;

  SELECT c.oid INTO found FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = schema_name AND c.relname = schedules_name;
  IF found.oid IS NOT NULL AND (
       SELECT count(*) FROM pg_attribute a
        WHERE a.attrelid = found.oid AND a.attname IN ('name', 'cron', 'time_zone', 'next_tick') AND NOT a.attisdropped) <> 4 THEN
    RAISE EXCEPTION 'pqrun: the name of the table % is taken', schedules
      USING ERRCODE = 'PQR01', HINT = 'Choose another table or schema.';
  END IF;

  -- An archive made LIKE jobs gets the columns in the same order: INSERT INTO jobs_archive SELECT * goes on working.
  SELECT count(DISTINCT names) = 1 INTO alike
    FROM (SELECT array_agg(a.attname ORDER BY a.attnum) AS names
            FROM pg_attribute a
           WHERE a.attrelid IN (to_regclass(jobs), to_regclass(archive)) AND a.attnum > 0 AND NOT a.attisdropped
             AND a.attname NOT IN ('schedule', 'scheduled_for')
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
      FROM (VALUES (1, 'schedule', 'text'), (2, 'scheduled_for', 'timestamptz')) AS new (place, name, definition)
     WHERE NOT EXISTS (SELECT FROM pg_attribute a
                        WHERE a.attrelid = to_regclass(target) AND a.attname = new.name AND NOT a.attisdropped);
    CONTINUE WHEN missing IS NULL;
    IF target = archive AND NOT alike THEN
      RAISE WARNING 'pqrun: % has columns of its own: name the columns when archiving into it', archive;
    END IF;
    EXECUTE 'ALTER TABLE ' || target || ' ' || missing;
  END LOOP;

  IF found.oid IS NULL THEN
    EXECUTE 'CREATE TABLE IF NOT EXISTS ' || schedules || ' (
      name            text        PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 200),
      job_type        text        NOT NULL CHECK (job_type <> ''''),
      payload         jsonb       NOT NULL DEFAULT ''{}'',
      cron            text        NOT NULL,
      time_zone       text        NOT NULL DEFAULT ''UTC'',
      missed          text        NOT NULL DEFAULT ''once'' CHECK (missed IN (''once'', ''all'', ''skip'')),
      overlap         text        NOT NULL DEFAULT ''skip'' CHECK (overlap IN (''skip'', ''allow'')),
      jitter_seconds  int         NOT NULL DEFAULT 0 CHECK (jitter_seconds BETWEEN 0 AND 86400),
      tick_as         text        CHECK (tick_as <> ''''),
      priority        int         NOT NULL DEFAULT 0,
      max_attempts    int         NOT NULL DEFAULT 5 CHECK (max_attempts > 0),
      timeout_seconds int         CHECK (timeout_seconds > 0),
      paused          boolean     NOT NULL DEFAULT false,
      declared_by     text,
      next_tick       timestamptz,
      last_tick       timestamptz,
      last_job_id     bigint,
      last_error      text,
      created_at      timestamptz NOT NULL DEFAULT now(),
      updated_at      timestamptz NOT NULL DEFAULT now(),
      CHECK (tick_as IS NULL OR jsonb_typeof(payload) = ''object'')
    ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500)';
    EXECUTE 'COMMENT ON TABLE ' || schedules
         || ' IS ''pqrun: each row makes a job at each tick of its cron expression. next_tick is planned by a trigger; null is paused, or stopped by last_error.''';
    EXECUTE 'COMMENT ON COLUMN ' || schedules || '.tick_as IS ''The field of the payload that gets the time of the tick.''';
    EXECUTE 'COMMENT ON COLUMN ' || schedules
         || '.declared_by IS ''The owner whose code declares the row, and changes or deletes it with its next version; null is made by hand.''';
  END IF;

  SELECT c.oid, i.indrelid INTO found
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
   WHERE n.nspname = schema_name AND c.relname = due_name;
  IF found.oid IS NULL THEN
    EXECUTE format('CREATE INDEX %I ON %s (next_tick)', due_name, schedules);
  ELSIF found.indrelid IS DISTINCT FROM to_regclass(schedules)::oid THEN
    RAISE EXCEPTION 'pqrun: the name of the index %.% is taken', quote_ident(schema_name), quote_ident(due_name)
      USING ERRCODE = 'PQR01', HINT = 'Choose another table or schema.';
  END IF;

  FOR own IN
    SELECT * FROM (VALUES
      (1, field_name, 'field text, title text, lowest int, highest int, names text DEFAULT ''''',
       'int[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp', field_body,
       'pqrun: one field of a cron expression, as the sorted list of its values.'),
      (2, wall_name, 'seconds int[], minutes int[], hours int[], days int[], months int[], weekdays int[], '
                     'month_ends boolean, either boolean, from_wall timestamp',
       'timestamp LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE', wall_body,
       'pqrun: the first time of day on the wall, from one on, that the lists have; null where there is none within 40 years.'),
      (3, ticks_name, 'cron text, time_zone text, after timestamptz, until timestamptz DEFAULT ''infinity'', '
                      'most int DEFAULT 1, latest boolean DEFAULT false',
       'SETOF timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp', ticks_body,
       'pqrun: the ticks of a cron expression after one moment and up to another: the first ones, or the latest alone.'),
      (4, plan_name, '', 'trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp', plan_body,
       'pqrun: plans the next tick of a schedule that is written; refuses a wrong expression or zone (22023).'),
      (5, tick_name, 'most int DEFAULT 100, moment timestamptz DEFAULT now(), '
                     'OUT schedule text, OUT tick timestamptz, OUT job_id bigint, OUT problem text',
       'SETOF record LANGUAGE plpgsql', tick_body,
       'pqrun: makes the jobs of the ticks that are due, each once, and returns one row a tick: job_id is null where the '
       'tick made none, and problem says what has stopped the schedule.'),
      (6, wake_tick_name, '', 'trigger LANGUAGE plpgsql', wake_body,
       'pqrun: wakes waiting workers when a schedule''s next tick comes sooner.')) AS v (place, name, arguments, returns, body, comment)
     ORDER BY place
  LOOP
    SELECT p.oid, p.prosrc INTO found
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname = schema_name AND p.proname = own.name
     ORDER BY p.prosrc LIKE '%pqrun''s%' LIMIT 1;
    IF found.oid IS NOT NULL AND found.prosrc NOT LIKE '%pqrun''s%' THEN
      RAISE EXCEPTION 'pqrun: the name of the function %.%() is taken', quote_ident(schema_name), quote_ident(own.name)
        USING ERRCODE = 'PQR01', HINT = 'Choose another table or schema.';
    END IF;
    CONTINUE WHEN found.prosrc IS NOT DISTINCT FROM own.body;
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(%s) RETURNS %s AS %L', schema_name, own.name, own.arguments, own.returns, own.body);
    EXECUTE format('COMMENT ON FUNCTION %I.%I IS %L', schema_name, own.name, own.comment);
  END LOOP;

  FOR own IN
    SELECT * FROM (VALUES
      (plan_name, 'BEFORE INSERT OR UPDATE OF job_type, payload, cron, time_zone, missed, overlap, jitter_seconds, tick_as,'
                  ' priority, max_attempts, timeout_seconds, paused ON %s FOR EACH ROW', plan_tick),
      (wake_tick_name, 'AFTER UPDATE ON %s FOR EACH ROW WHEN (NEW.next_tick < OLD.next_tick'
                       ' OR OLD.next_tick IS NULL AND NEW.next_tick IS NOT NULL)', wake_tick),
      (wake_new_name, 'AFTER INSERT ON %s FOR EACH ROW WHEN (NEW.next_tick IS NOT NULL)', wake_tick))
      AS v (name, definition, function)
     WHERE NOT EXISTS (SELECT FROM pg_trigger t
                        WHERE t.tgrelid = to_regclass(schedules) AND t.tgname = v.name)
  LOOP
    EXECUTE format('CREATE TRIGGER %I ', own.name) || format(own.definition, schedules)
         || format(' EXECUTE FUNCTION %s()', own.function);
  END LOOP;

  -- A role that may update jobs may run a worker, and any worker ticks. Looked at in each run, since roles are granted later too.
  FOR grantee IN
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
      FROM pg_class c
     CROSS JOIN aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
     CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) lacking
     WHERE c.oid = to_regclass(jobs) AND a.privilege_type = 'UPDATE'
       AND NOT has_table_privilege(a.grantee, to_regclass(schedules), lacking)
       AND pg_has_role((SELECT s.relowner FROM pg_class s WHERE s.oid = to_regclass(schedules)), 'USAGE')
  LOOP
    EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON ' || schedules || ' TO ' || grantee;
  END LOOP;

  -- The unique index of ticks: as 002 builds its own.
  IF build = 'empty' THEN
    EXECUTE 'SELECT NOT EXISTS (SELECT FROM ' || jobs || ')' INTO building;
  END IF;
  SELECT c.oid, i.indrelid, i.indisvalid INTO found
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
   WHERE n.nspname = schema_name AND c.relname = tick_index_name;
  IF found.oid IS NOT NULL AND found.indrelid IS DISTINCT FROM to_regclass(jobs)::oid THEN
    RAISE EXCEPTION 'pqrun: the name of the index %.% is taken', quote_ident(schema_name), quote_ident(tick_index_name)
      USING ERRCODE = 'PQR01', HINT = 'Choose another table or schema.';
  END IF;
  IF NOT building AND NOT found.indisvalid THEN
    BEGIN
      -- Who builds an index holds this lock. It is not waited for: the build would wait for us.
      EXECUTE 'LOCK TABLE ' || jobs || ' IN SHARE UPDATE EXCLUSIVE MODE NOWAIT';
      IF EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = found.oid AND NOT i.indisvalid) THEN
        EXECUTE format('ALTER INDEX %I.%I RENAME TO %I', schema_name, tick_index_name, 'pqrun_invalid_' || found.oid);
        RAISE NOTICE 'pqrun: an invalid index is now called %: DROP INDEX CONCURRENTLY it', 'pqrun_invalid_' || found.oid;
      END IF;
    EXCEPTION WHEN lock_not_available THEN
      NULL; -- It is being built.
    END;
  END IF;
  IF building AND found.indisvalid IS NOT TRUE THEN
    BEGIN
      EXECUTE 'EXPLAIN INSERT INTO ' || jobs || ' (job_type) VALUES ('''') ON CONFLICT ' || tick_keys || ' DO NOTHING';
    EXCEPTION WHEN invalid_column_reference THEN
      IF found.oid IS NOT NULL THEN
        EXECUTE format('DROP INDEX %I.%I', schema_name, tick_index_name);
      END IF;
      EXECUTE format('CREATE UNIQUE INDEX IF NOT EXISTS %I ON %s %s', tick_index_name, jobs, tick_keys);
    END;
  END IF;

  PERFORM set_config('lock_timeout', wait_before, true);
  PERFORM set_config('search_path', path_before, true);
END
$pqrun$;
