import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { PYTHON_DDL } from "../../support/table-python.ts";

let database: TableDatabase;

beforeAll(async () => {
  database = await tableDatabase();
  // Before the upgrade, as the archive of a user of the Python package is.
  await database.rows(`${PYTHON_DDL}; CREATE TABLE jobs_archive (LIKE jobs INCLUDING ALL)`);
  await database.migrate();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(() => database.rows("TRUNCATE jobs, jobs_archive RESTART IDENTITY"));

/** Ten jobs, of which 1 to 4 are READY, 5 and 6 RUNNING, 7 and 8 DONE, 9 FAILED and 10 CANCELLED. */
const TEN_JOBS = `
INSERT INTO jobs (job_type, status, locked_at, locked_by, timeout_seconds, finished_at, duration_ms, last_error, payload)
SELECT CASE WHEN n % 2 = 0 THEN 'embed' ELSE 'summarize' END,
       (ARRAY['READY', 'READY', 'READY', 'READY', 'RUNNING', 'RUNNING', 'DONE', 'DONE', 'FAILED', 'CANCELLED'])[n]::job_status,
       CASE WHEN n IN (5, 6) THEN now() - (n - 4) * interval '15 minutes' END,
       CASE WHEN n IN (5, 6) THEN 'host-1' END,
       CASE WHEN n = 5 THEN 60 END,
       CASE WHEN n > 6 THEN now() - (n - 6) * interval '20 days' END,
       CASE WHEN n IN (7, 8) THEN n * 100 END,
       CASE WHEN n = 9 THEN 'ValueError' END,
       jsonb_build_object('n', n)
  FROM generate_series(1, 10) n`;

test("the pg_cron form with ON CONFLICT … DO NOTHING enqueues once while the job is active", async () => {
  const cron = `
INSERT INTO jobs (job_type, payload, dedupe_key)
SELECT 'cleanup_sessions', '{"olderThanDays": 30}'::jsonb, 'cron:cleanup_sessions'
ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING') DO NOTHING`;
  const jobs = "SELECT status, dedupe_key, payload FROM jobs ORDER BY id";
  const job = { status: "READY", dedupe_key: "cron:cleanup_sessions", payload: { olderThanDays: 30 } };

  await database.rows(cron);
  await database.rows(cron);
  expect(await database.rows(jobs)).toEqual([job]);
  await database.rows("UPDATE jobs SET status = 'RUNNING'");
  await database.rows(cron);
  expect(await database.rows(jobs)).toEqual([{ ...job, status: "RUNNING" }]);
  await database.rows("UPDATE jobs SET status = 'DONE'");
  await database.rows(cron);
  expect(await database.rows(jobs)).toEqual([{ ...job, status: "DONE" }, job]);
});

test("the pg_cron form takes its jobs from any SELECT", async () => {
  await database.rows(`
INSERT INTO jobs (job_type, payload, dedupe_key)
SELECT 'digest', jsonb_build_object('userId', u.id), 'digest:' || u.id
  FROM (VALUES (1), (2), (2)) AS u (id)
ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING') DO NOTHING`);
  expect(await database.rows("SELECT dedupe_key FROM jobs ORDER BY id")).toEqual([
    { dedupe_key: "digest:1" },
    { dedupe_key: "digest:2" },
  ]);
});

test("the form with DO UPDATE SET updated_at = now() RETURNING id answers the active job's id", async () => {
  const upsert = `
INSERT INTO jobs (job_type, payload, dedupe_key)
SELECT 'report', '{}'::jsonb, 'report:daily'
ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING')
DO UPDATE SET updated_at = now() RETURNING id`;
  const [first] = await database.rows(upsert);
  await database.rows("UPDATE jobs SET updated_at = now() - interval '1 hour'");
  const [second] = await database.rows(upsert);
  expect(second).toEqual(first);
  expect(
    await database.rows(
      "SELECT count(*)::int, bool_and(updated_at > now() - interval '1 minute') AS touched FROM jobs",
    ),
  ).toEqual([{ count: 1, touched: true }]);
  await database.rows("UPDATE jobs SET status = 'FAILED'");
  expect(await database.rows(upsert)).not.toEqual([first]);
});

test("a row trigger enqueues with its row, and not when its transaction is rolled back", async () => {
  await database.rows(`
CREATE TABLE messages (id bigserial PRIMARY KEY, conversation_id bigint, body text);
CREATE FUNCTION enqueue_summary() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO jobs (job_type, payload, dedupe_key)
  VALUES ('summarize', jsonb_build_object('conversationId', NEW.conversation_id), 'summarize:conv:' || NEW.conversation_id)
  ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING') DO NOTHING;
  RETURN NEW;
END $$;
CREATE TRIGGER enqueue_summary AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION enqueue_summary();`);
  await database.rows("INSERT INTO messages (conversation_id, body) VALUES (1, 'a'), (1, 'b'), (2, 'c')");
  await database.rows("BEGIN; INSERT INTO messages (conversation_id, body) VALUES (3, 'd'); ROLLBACK");
  expect(await database.rows("SELECT job_type, payload FROM jobs ORDER BY id")).toEqual([
    { job_type: "summarize", payload: { conversationId: 1 } },
    { job_type: "summarize", payload: { conversationId: 2 } },
  ]);
});

test("SELECT status, count(*) FROM jobs GROUP BY status counts the jobs in each state", async () => {
  await database.rows(TEN_JOBS);
  const counts = await database.rows("SELECT status, count(*) FROM jobs GROUP BY status");
  expect(Object.fromEntries(counts.map(({ status, count }) => [String(status), count]))).toEqual({
    READY: "4",
    RUNNING: "2",
    DONE: "2",
    FAILED: "1",
    CANCELLED: "1",
  });
});

test("failed jobs of the last hour are found by finished_at", async () => {
  await database.rows(TEN_JOBS);
  await database.rows(
    "UPDATE jobs SET status = 'FAILED', finished_at = now() - interval '10 minutes', last_error = 'late' WHERE id = 8",
  );
  expect(
    await database.rows(`
SELECT id, job_type, last_error, finished_at > now() - interval '11 minutes' AS lately FROM jobs
 WHERE status = 'FAILED' AND finished_at > now() - interval '1 hour' ORDER BY finished_at DESC`),
  ).toEqual([{ id: "8", job_type: "embed", last_error: "late", lately: true }]);
});

test("average duration_ms by job_type", async () => {
  await database.rows(TEN_JOBS);
  expect(
    await database.rows(
      "SELECT job_type, avg(duration_ms)::int AS avg_ms FROM jobs WHERE status = 'DONE' GROUP BY job_type ORDER BY job_type",
    ),
  ).toEqual([
    { job_type: "embed", avg_ms: 800 },
    { job_type: "summarize", avg_ms: 700 },
  ]);
});

test("stale candidates are found by locked_at, each by its own timeout or the default", async () => {
  await database.rows(TEN_JOBS);
  expect(
    await database.rows(`
SELECT id, locked_by FROM jobs
 WHERE status = 'RUNNING' AND locked_at < now() - make_interval(secs => coalesce(timeout_seconds, 1200)) ORDER BY locked_at`),
  ).toEqual([
    { id: "6", locked_by: "host-1" },
    { id: "5", locked_by: "host-1" },
  ]);
  expect(
    await database.rows(
      "SELECT id FROM jobs WHERE status = 'RUNNING' AND locked_at < now() - interval '20 minutes'",
    ),
  ).toEqual([{ id: "6" }]);
});

test("finished jobs are deleted by age", async () => {
  await database.rows(TEN_JOBS);
  await database.rows(
    "DELETE FROM jobs WHERE status IN ('DONE', 'FAILED', 'CANCELLED') AND finished_at < now() - interval '30 days'",
  );
  expect(await database.rows("SELECT id FROM jobs ORDER BY id")).toEqual(
    [1, 2, 3, 4, 5, 6, 7].map((id) => ({ id: String(id) })),
  );
});

test("finished jobs are archived by age with SELECT *, into an archive made before the upgrade", async () => {
  await database.rows(TEN_JOBS);
  await database.rows("UPDATE jobs SET released = 2 WHERE id = 9");
  await database.rows(`
WITH archived AS (
  DELETE FROM jobs WHERE status IN ('DONE', 'FAILED', 'CANCELLED') AND finished_at < now() - interval '30 days' RETURNING *
)
INSERT INTO jobs_archive SELECT * FROM archived`);
  expect(await database.rows("SELECT count(*)::int FROM jobs")).toEqual([{ count: 7 }]);
  expect(
    await database.rows("SELECT id, status, last_error, payload, released FROM jobs_archive ORDER BY id"),
  ).toEqual([
    { id: "8", status: "DONE", last_error: null, payload: { n: 8 }, released: 0 },
    { id: "9", status: "FAILED", last_error: "ValueError", payload: { n: 9 }, released: 2 },
    { id: "10", status: "CANCELLED", last_error: null, payload: { n: 10 }, released: 0 },
  ]);
});
