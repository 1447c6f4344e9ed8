/** What the application has put on the table: a second source beside the ledger, and triggers that are in the way. */

/** Every change of a row that matters. */
const AUDIT = `
CREATE TABLE public.torture_effects (job_id int8 NOT NULL REFERENCES public.jobs (id), fence text NOT NULL);
CREATE INDEX ON public.torture_effects (job_id);
CREATE TABLE public.torture_audit (
  n bigserial PRIMARY KEY, job_id int8 NOT NULL, at int8 NOT NULL, old_status text, new_status text, old_attempts int,
  new_attempts int, old_locked_by text, new_locked_by text, writer text);
CREATE FUNCTION public.torture_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.torture_audit
    (job_id, at, old_status, new_status, old_attempts, new_attempts, old_locked_by, new_locked_by, writer)
  VALUES (old.id, (extract(epoch FROM clock_timestamp()) * 1000)::int8, old.status, new.status, old.attempts,
    new.attempts, old.locked_by, new.locked_by,
    CASE WHEN new.result IS DISTINCT FROM old.result THEN new.result ->> 'fence'
         WHEN new.last_error IS DISTINCT FROM old.last_error
         THEN (regexp_match(new.last_error, 'fence=([^=]*)='))[1] END);
  RETURN NULL;
END $$;
CREATE TRIGGER torture_note AFTER UPDATE ON public.jobs FOR EACH ROW
  WHEN (old.status IS DISTINCT FROM new.status OR old.attempts IS DISTINCT FROM new.attempts
     OR old.locked_by IS DISTINCT FROM new.locked_by OR old.status IN ('DONE', 'FAILED', 'CANCELLED'))
  EXECUTE FUNCTION public.torture_note();`;

/** Rows that are stored other than their payload says that they were sent. */
const COMPARED = `
CREATE TABLE public.torture_altered (job_id int8 NOT NULL, why text NOT NULL);
CREATE FUNCTION public.torture_compare() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  sent jsonb := new.payload -> 'is';
  -- Not by its name: a session that has planned that refuses a column whose type has changed since (42804).
  key text := to_jsonb(new) ->> 'dedupe_key';
  off float8 := extract(epoch FROM new.run_after) * 1000 - coalesce((sent ->> 'due')::int8, extract(epoch FROM now()) * 1000);
  why text := concat_ws(', ',
    CASE WHEN key IS DISTINCT FROM sent ->> 'key' THEN 'dedupe_key ' || coalesce(key, 'none') END,
    CASE WHEN new.priority <> (sent ->> 'priority')::int THEN 'priority ' || new.priority END,
    CASE WHEN new.max_attempts <> (sent ->> 'most')::int THEN 'max_attempts ' || new.max_attempts END,
    CASE WHEN new.timeout_seconds IS DISTINCT FROM (sent ->> 'timeout')::int
         THEN 'timeout_seconds ' || coalesce(new.timeout_seconds::text, 'none') END,
    CASE WHEN abs(off) >= 1 THEN 'run_after ' || off::int8 || ' ms off' END);
BEGIN
  IF why <> '' THEN
    INSERT INTO public.torture_altered VALUES (new.id, why);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER torture_compare AFTER INSERT ON public.jobs FOR EACH ROW WHEN (new.payload ? 'is')
  EXECUTE FUNCTION public.torture_compare();`;

/** For how long after its insert a row may not be picked up: beyond what counts as a standstill. */
const NOT_PICKED_UP = "45 s";
/** And for how long it may not be taken from an attempt that is lost. */
const NOT_REAPED = "15 s";

/**
 * Rows that are skipped at their insert, and rows that refuse to be picked up, to be settled, or to bear a result. What
 * happened is counted by sequences, which no rollback takes back.
 */
const DENYING = `
CREATE SEQUENCE public.torture_skipped;
CREATE SEQUENCE public.torture_refused;
CREATE FUNCTION public.torture_skip() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM nextval('public.torture_skipped');
  RETURN NULL;
END $$;
CREATE TRIGGER torture_skip BEFORE INSERT ON public.jobs FOR EACH ROW WHEN (new.payload ? 'skip')
  EXECUTE FUNCTION public.torture_skip();
CREATE FUNCTION public.torture_deny() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  deny text := old.payload ->> 'deny';
  age interval := clock_timestamp() - old.created_at;
  settles boolean := old.status = 'RUNNING' AND new.status <> 'RUNNING';
BEGIN
  IF deny = 'denyPickUp' AND age < '${NOT_PICKED_UP}' AND new.status = 'RUNNING'
     OR deny = 'denySettle' AND settles AND old.attempts = 1 AND (age < '${NOT_REAPED}' OR new.locked_by IS NOT NULL)
     OR deny = 'denyResult' AND new.result IS NOT NULL THEN
    PERFORM nextval('public.torture_refused');
    RAISE EXCEPTION 'the application refuses it: %', deny;
  END IF;
  RETURN new;
END $$;
CREATE TRIGGER torture_deny BEFORE UPDATE ON public.jobs FOR EACH ROW WHEN (old.payload ? 'deny')
  EXECUTE FUNCTION public.torture_deny();`;

/** Ids that fall where they are drawn by the column's default. */
export const FALLING_IDS = `
ALTER TABLE public.jobs ALTER COLUMN id SET DEFAULT 1099511627776 - nextval('public.jobs_id_seq')`;

/** All of it, as one text. */
export const TRIGGERS = [AUDIT, COMPARED, DENYING].join("\n");
