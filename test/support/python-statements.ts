// What the Python package pqrun 0.0.2 sends, word for word: src/pqrun/store_asyncpg.py of github.com/changhyeon363/pqrun
// at 38df70d (MIT licence, copyright its contributors). Only the parameter that it splices into its reaper is a `$1` here.

/** `enqueue`. `$1` type, `$2` payload, `$3` key, `$4` due, `$5` priority, `$6` most attempts, `$7` timeout in seconds. */
export const PYTHON_ENQUEUE = `
        INSERT INTO jobs (job_type, payload, dedupe_key, run_after, priority, max_attempts, timeout_seconds)
        VALUES ($1, $2::jsonb, $3, $4, $5, $6, $7)
        ON CONFLICT (dedupe_key)
        WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING')
        DO UPDATE SET updated_at = now()
        RETURNING id;
        `;

/** `pickup`. `$1` the worker's id, the same for all that it ever picks up. */
export const PYTHON_PICK_UP = `
        WITH picked AS (
          SELECT id
          FROM jobs
          WHERE status='READY'
            AND run_after <= now()
          ORDER BY priority DESC, id
          FOR UPDATE SKIP LOCKED
          LIMIT 1
        )
        UPDATE jobs j
        SET status='RUNNING',
            locked_at=now(),
            locked_by=$1,
            attempts = attempts + 1,
            updated_at=now(),
            finished_at=NULL,
            duration_ms=NULL
        FROM picked
        WHERE j.id = picked.id
        RETURNING
          j.id, j.job_type, j.payload, j.status, j.priority, j.attempts, j.max_attempts,
          j.run_after, j.timeout_seconds, j.locked_at, j.locked_by, j.dedupe_key, j.last_error,
          j.finished_at, j.duration_ms, j.result, j.created_at, j.updated_at;
        `;

/** `mark_done`. `$1` id, `$2` duration in ms or null, `$3` result or null. */
export const PYTHON_MARK_DONE = `
        UPDATE jobs
        SET status='DONE',
            finished_at=now(),
            duration_ms=COALESCE($2, duration_ms),
            result=COALESCE($3::jsonb, result),
            updated_at=now(),
            locked_at=NULL,
            locked_by=NULL
        WHERE id=$1;
        `;

/** `mark_error`. `$1` id, `$2` error, `$3` whether at once FAILED, `$4` delay, `$5` duration or null, `$6` result or null. */
export const PYTHON_MARK_ERROR = `
        UPDATE jobs
        SET
          last_error = $2,
          updated_at = now(),
          duration_ms = COALESCE($5, duration_ms),
          result = COALESCE($6::jsonb, result),

          status = CASE
            WHEN $3::bool THEN 'FAILED'::job_status
            WHEN attempts >= max_attempts THEN 'FAILED'::job_status
            ELSE 'READY'::job_status
          END,

          finished_at = CASE
            WHEN $3::bool THEN now()
            WHEN attempts >= max_attempts THEN now()
            ELSE NULL
          END,

          run_after = CASE
            WHEN $3::bool THEN run_after
            WHEN attempts >= max_attempts THEN run_after
            ELSE now() + $4::interval
          END,

          locked_at = NULL,
          locked_by = NULL
        WHERE id = $1
        RETURNING status, attempts, max_attempts;
        `;

/** `cancel`, which asks for no state. `$1` id. */
export const PYTHON_CANCEL =
  "UPDATE jobs SET status='CANCELLED', finished_at=now(), updated_at=now() WHERE id=$1;";

/** `reap_stale`, which asks for no attempts. `$1` seconds for what has no timeout of its own. */
export const PYTHON_REAP = `
        UPDATE jobs
        SET status='READY',
            locked_at=NULL,
            locked_by=NULL,
            updated_at=now(),
            run_after = GREATEST(run_after, now())
        WHERE status='RUNNING'
          AND locked_at IS NOT NULL
          AND locked_at < now() - make_interval(secs => COALESCE(timeout_seconds, $1))
        RETURNING id;
        `;

/** How its worker (src/pqrun/worker.py) words the failure of a type that it has no handler for, with `terminal=True`. */
export const pythonNoHandler = (type: string): string => `No handler registered for job_type=${type}`;

/** How its worker words a handler's own failure: `traceback.format_exc()[:10000]`. */
export const pythonTraceback = (error: string): string =>
  `Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/pqrun/worker.py", line 298, in _run_loop
    result = await self._dispatch(job)
             ^^^^^^^^^^^^^^^^^^^^^^^^^
${error}
`.slice(0, 10_000);

/** `_jsonb_dict`: what it makes of a jsonb column's text. @throws TypeError as it does, for what is no object. */
export function pythonDict(text: string | null): Readonly<Record<string, unknown>> | null {
  if (text === null) return null;
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError("Expected JSON object for jsonb field, got str");
  return value as Readonly<Record<string, unknown>>;
}

/** The grants of its docs/developer/design.md, 10.3, for a role of one's own. */
export const pythonGrants = (role: string): string => `
GRANT SELECT, INSERT, UPDATE ON jobs TO ${role};
GRANT USAGE ON SEQUENCE jobs_id_seq TO ${role};
`;
