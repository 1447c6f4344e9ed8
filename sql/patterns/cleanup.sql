-- Deleting finished jobs: a batch of the oldest that ended more than 30 days ago.
--
-- Repeat it until it deletes none, or run it often. It goes by id, oldest first, so that it
-- needs no index of its own and locks little at a time. A job that was cancelled before it
-- ran may have no finished_at.
DELETE FROM public.jobs
 WHERE id = ANY (ARRAY(
         SELECT id
           FROM public.jobs
          WHERE status IN ('DONE', 'FAILED', 'CANCELLED')
            AND coalesce(finished_at, updated_at) < now() - interval '30 days'
          ORDER BY id
          LIMIT 10000
            FOR UPDATE SKIP LOCKED));
