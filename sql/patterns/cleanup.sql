-- Deleting finished jobs: a batch of the oldest that ended more than 30 days ago.
--
-- Repeat it until it deletes none, once a day, say: where little is old, or what is old stands
-- behind many that are kept, it reads the table. It goes by id, oldest first, so that it needs no
-- index of its own and locks little at a time. A job that was cancelled before it ran may have no
-- finished_at. A foreign key without ON DELETE CASCADE or SET NULL refuses the whole batch for one
-- job that it holds: leave such jobs out, AND NOT EXISTS (SELECT FROM … WHERE job_id = jobs.id).
-- The store's prune() does so by itself, and costs next to nothing where nothing is old.
DELETE FROM public.jobs
 WHERE id = ANY (ARRAY(
         SELECT id
           FROM public.jobs
          WHERE status IN ('DONE', 'FAILED', 'CANCELLED')
            AND coalesce(finished_at, updated_at) < now() - interval '30 days'
          ORDER BY id
          LIMIT 10000
            FOR UPDATE SKIP LOCKED));
