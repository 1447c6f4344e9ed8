-- Archiving finished jobs: moves a batch of those that ended more than 30 days ago.
--
-- Repeat it until it moves none. Migrations add their columns to jobs_archive too, in the same
-- order, so SELECT * fits now and later.
CREATE TABLE IF NOT EXISTS public.jobs_archive (LIKE public.jobs, PRIMARY KEY (id));

WITH archived AS (
  DELETE FROM public.jobs
   WHERE id = ANY (ARRAY(
           SELECT id
             FROM public.jobs
            WHERE status IN ('DONE', 'FAILED', 'CANCELLED')
              AND coalesce(finished_at, updated_at) < now() - interval '30 days'
            ORDER BY id
            LIMIT 10000
              FOR UPDATE SKIP LOCKED))
  RETURNING *
)
INSERT INTO public.jobs_archive SELECT * FROM archived;
