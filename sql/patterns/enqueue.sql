-- Enqueuing in SQL: from a script, from pg_cron, from a trigger.
--
-- A plain INSERT is a whole job, and wakes the workers that wait. This file runs as it stands
-- and rolls back: take from it what you need.
BEGIN;

-- One job, due now.
INSERT INTO public.jobs (job_type, payload)
VALUES ('embed', '{"text": "…"}')
RETURNING id;

-- Urgent, in ten minutes, three attempts of at most a minute.
INSERT INTO public.jobs (job_type, payload, priority, run_after, max_attempts, timeout_seconds)
VALUES ('mail', '{"to": "…"}', 10, now() + interval '10 minutes', 3, 60);

-- Once only while a job of that key is READY or RUNNING: the statement to schedule with pg_cron,
-- where a run that is still going must not get a second one beside it.
INSERT INTO public.jobs (job_type, payload, dedupe_key)
SELECT 'report', jsonb_build_object('day', current_date), 'report:daily'
    ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING') DO NOTHING;

-- The same, with the id of the job that is there, new or old. It writes to the job and locks it
-- until the commit, so that its worker can't settle it meanwhile: keep such transactions short.
INSERT INTO public.jobs (job_type, payload, dedupe_key)
SELECT 'report', jsonb_build_object('day', current_date), 'report:daily'
    ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING')
    DO UPDATE SET updated_at = now()
RETURNING id;

-- A job for each row of a table, from a trigger: there if the row is committed, and not if not.
CREATE TABLE public.example_messages (id bigserial PRIMARY KEY, conversation_id bigint NOT NULL, body text NOT NULL);

CREATE FUNCTION public.example_summarize() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.jobs (job_type, payload, dedupe_key)
  VALUES ('summarize', jsonb_build_object('conversationId', NEW.conversation_id),
          'summarize:conv:' || NEW.conversation_id)
      ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING') DO NOTHING;
  RETURN NULL;
END
$$;

CREATE TRIGGER example_summarize AFTER INSERT ON public.example_messages
  FOR EACH ROW EXECUTE FUNCTION public.example_summarize();

INSERT INTO public.example_messages (conversation_id, body) VALUES (1, 'Hello'), (1, 'again'), (2, 'Hello');

ROLLBACK;
