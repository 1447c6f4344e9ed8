import type { SqlRow, SqlStatement } from "./executor.ts";
import { quoteLiteral } from "./identifiers.ts";
import type { TableNames } from "./identifiers.ts";
import { cells } from "./job.ts";

/** A job that has been checked and only has to be written. */
export interface CheckedJob {
  readonly type: string;
  /** JSON text of an object. */
  readonly payloadText: string;
  readonly dedupeKey: string | null;
  readonly priority: number;
  /** ISO 8601, or null for now by the database's clock. */
  readonly runAfter: string | null;
  readonly maxAttempts: number;
  readonly timeoutSeconds: number | null;
}

/** What became of one enqueue. */
export interface Enqueued {
  /** The new job's id, or the active job's that has the same dedupe key. */
  readonly id: string;
  /** False where an active job with the dedupe key was there already; nothing was written then. */
  readonly created: boolean;
}

const input = ({ jobs }: TableNames): string => `
WITH input AS MATERIALIZED (
  -- Ids are drawn in the input's order, before the rows are sorted for locking. The subselect looks the sequence up
  -- once, not for each row: a third of what a thousand jobs take.
  SELECT nextval((SELECT pg_get_serial_sequence(${quoteLiteral(jobs)}, 'id')::regclass)) AS id, x.t AS job_type,
         coalesce(x.p, 'null'::jsonb) AS payload, x.k AS dedupe_key, x.n AS priority,
         coalesce(x.r::timestamptz, now()) AS run_after, x.m AS max_attempts, x.s AS timeout_seconds
    FROM json_to_recordset($1::text::json) AS x(t text, p jsonb, k text, n int4, r text, m int4, s int4)
)`;

/** Jobs without dedupe keys, `$1` their list: a plain INSERT writes less WAL than one that looks for conflicts. */
export const enqueueText = (names: TableNames): string => `${input(names)},
inserted AS (
  INSERT INTO ${names.jobs} (id, job_type, payload, dedupe_key, priority, run_after, max_attempts, timeout_seconds)
  SELECT id, job_type, payload, dedupe_key, priority, run_after, max_attempts, timeout_seconds FROM input
  RETURNING id
)
SELECT id::text AS id, 'true' AS created FROM inserted ORDER BY inserted.id`;

/**
 * Jobs of which some have dedupe keys.
 *
 * DO NOTHING leaves no dead tuple and takes no lock on the row that is there.
 * Sorted by key, two callers with the same keys can't wait for each other in a
 * circle. The id is NULL where a rival's job was committed after this
 * statement's snapshot was taken: the caller asks again.
 */
export const enqueueDedupedText = (names: TableNames): string => `${input(names)},
inserted AS (
  INSERT INTO ${names.jobs} (id, job_type, payload, dedupe_key, priority, run_after, max_attempts, timeout_seconds)
  SELECT id, job_type, payload, dedupe_key, priority, run_after, max_attempts, timeout_seconds
    FROM input ORDER BY dedupe_key, id
  ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING') DO NOTHING
  RETURNING id, dedupe_key
)
SELECT coalesce(own.id, twin.id, (
         SELECT j.id FROM ${names.jobs} j
          WHERE j.dedupe_key = i.dedupe_key AND j.status IN ('READY', 'RUNNING')))::text AS id,
       (own.id IS NOT NULL)::text AS created
  FROM input i
  LEFT JOIN inserted own ON own.id = i.id
  LEFT JOIN inserted twin ON twin.dedupe_key = i.dedupe_key
 ORDER BY i.id`;

/** The jobs as the JSON text that the statements open. */
export function encodeJobs(jobs: readonly CheckedJob[]): string {
  return `[${jobs.map(encodeJob).join(",")}]`;
}

/** The statement that writes `jobs`. */
export function enqueueStatement(texts: EnqueueTexts, jobs: readonly CheckedJob[]): SqlStatement {
  const deduped = jobs.some(({ dedupeKey }) => dedupeKey !== null);
  return { text: deduped ? texts.deduped : texts.plain, params: [encodeJobs(jobs)] };
}

/** The two texts of enqueue. */
export interface EnqueueTexts {
  readonly plain: string;
  readonly deduped: string;
}

/** In input order; null where the caller has to ask again. */
export function readEnqueued(rows: readonly SqlRow[]): readonly (Enqueued | null)[] {
  return rows
    .map(cells)
    .map(([id, created]) => (id === null || id === undefined ? null : { id, created: created === "true" }));
}

/** What is null is left out: the server opens each field that it is given. */
function encodeJob(job: CheckedJob): string {
  const fields = {
    t: job.type,
    k: job.dedupeKey ?? undefined,
    n: job.priority,
    r: job.runAfter ?? undefined,
    m: job.maxAttempts,
    s: job.timeoutSeconds ?? undefined,
  };
  return `${JSON.stringify(fields).slice(0, -1)},"p":${job.payloadText}}`;
}
