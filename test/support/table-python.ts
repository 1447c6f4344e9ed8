/** The Python package's DDL, without its comments: src/pqrun/ddl.sql at the commit that python-statements.ts names. */
export const PYTHON_DDL = `
DO $$ BEGIN
  CREATE TYPE job_status AS ENUM (
    'READY',
    'RUNNING',
    'DONE',
    'FAILED',
    'CANCELLED'
  );
EXCEPTION WHEN duplicate_object THEN
  NULL;
END $$;

CREATE TABLE IF NOT EXISTS jobs (
  id bigserial PRIMARY KEY,

  job_type text NOT NULL,
  payload jsonb NOT NULL DEFAULT '{}'::jsonb,

  status job_status NOT NULL DEFAULT 'READY',
  priority int NOT NULL DEFAULT 0,

  attempts int NOT NULL DEFAULT 0,
  max_attempts int NOT NULL DEFAULT 5,
  run_after timestamptz NOT NULL DEFAULT now(),

  timeout_seconds int,

  locked_at timestamptz,
  locked_by text,

  dedupe_key text,

  last_error text,

  finished_at timestamptz,
  duration_ms int,
  result jsonb,

  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS idx_jobs_pick
  ON jobs (status, run_after, priority DESC, id);

CREATE INDEX IF NOT EXISTS idx_jobs_type
  ON jobs (job_type);

CREATE UNIQUE INDEX IF NOT EXISTS uq_jobs_active_dedupe
  ON jobs (dedupe_key)
  WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING');
`;

/** The columns of that table, in its order. */
export const PYTHON_COLUMNS =
  "id, job_type, payload, status, priority, attempts, max_attempts, run_after, timeout_seconds, locked_at, " +
  "locked_by, dedupe_key, last_error, finished_at, duration_ms, result, created_at, updated_at";

/** 10,000 rows, 2,000 in each of the five states, as Python's workers leave them. */
export const PYTHON_ROWS = `
INSERT INTO jobs (job_type, payload, status, priority, attempts, max_attempts, run_after, timeout_seconds, locked_at,
                  locked_by, dedupe_key, last_error, finished_at, duration_ms, result, created_at, updated_at)
SELECT (ARRAY['summarize', 'embed', 'mail'])[1 + n % 3],
       jsonb_build_object('n', n, 'text', repeat('x', n % 50)),
       state,
       n % 4,
       CASE state WHEN 'READY' THEN n % 3 ELSE 1 + n % 4 END,
       5,
       now() + (n % 100 - 50) * interval '1 minute',
       CASE WHEN n % 2 = 0 THEN 60 + n % 100 END,
       CASE state WHEN 'RUNNING' THEN now() - n % 90 * interval '1 minute' END,
       CASE state WHEN 'RUNNING' THEN 'host-' || n % 7 || ':python' END,
       CASE WHEN n % 5 = 0 THEN 'key-' || CASE state WHEN 'RUNNING' THEN -n ELSE n END END,
       CASE state WHEN 'FAILED' THEN 'ValueError: ' || n END,
       CASE WHEN state IN ('DONE', 'FAILED', 'CANCELLED') THEN now() - n % 500 * interval '1 hour' END,
       CASE WHEN state IN ('DONE', 'FAILED') THEN n END,
       CASE state WHEN 'DONE' THEN jsonb_build_object('length', n) END,
       now() - interval '30 days',
       now() - n * interval '1 second'
  FROM unnest(enum_range(NULL::job_status)) AS state, generate_series(1, 2000) AS n`;

/** What `SELECT status, count(*)::int … GROUP BY status ORDER BY status` says of those rows. */
export const PYTHON_COUNTS = ["READY", "RUNNING", "DONE", "FAILED", "CANCELLED"].map((status) => ({
  status,
  count: 2_000,
}));
