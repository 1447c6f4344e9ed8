import { arrayLiteral } from "./array-literal.ts";
import type { SqlRow, SqlStatement } from "./executor.ts";
import { quoteLiteral } from "./identifiers.ts";
import type { TableNames } from "./identifiers.ts";
import { USUAL, cells } from "./job.ts";

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

const WRITTEN = "job_type, payload, dedupe_key, priority, run_after, max_attempts, timeout_seconds";

/** `$1` – `$7` are the jobs, each a column as an array, which may be shorter where the rest has what is usual. */
const INPUT = `x.job_type, x.payload, x.dedupe_key, coalesce(x.priority, ${USUAL.priority}) AS priority,
         coalesce(x.run_after, now()) AS run_after, coalesce(x.max_attempts, ${USUAL.maxAttempts}) AS max_attempts, x.timeout_seconds
    FROM unnest($1::text::text[], $2::text::jsonb[], $3::text::text[], $4::text::int4[], $5::text::timestamptz[],
                $6::text::int4[], $7::text::int4[])
      AS x(${WRITTEN})`;

/**
 * Jobs without dedupe keys: a plain INSERT writes less WAL than one that looks
 * for conflicts. Their ids are the column's default, drawn row by row in the
 * input's order, and come as one text.
 */
export const enqueueText = ({ jobs }: TableNames): string => `
WITH inserted AS (
  INSERT INTO ${jobs} (${WRITTEN})
  SELECT ${INPUT}
  RETURNING id
)
SELECT string_agg(id::text, ',' ORDER BY id) AS id, 'true' AS created FROM inserted HAVING count(*) > 0`;

/**
 * Jobs of which some have dedupe keys.
 *
 * DO NOTHING leaves no dead tuple and takes no lock on the row that is there.
 * Sorted by key, two callers with the same keys can't wait for each other in a
 * circle. The id is NULL where a rival's job was committed after this
 * statement's snapshot was taken: the caller asks again.
 */
export const enqueueDedupedText = ({ jobs }: TableNames): string => `
WITH input AS MATERIALIZED (
  -- Ids are drawn in the input's order, before the rows are sorted for locking. The subselect looks the sequence up
  -- once, not for each row: a third of what a thousand jobs take.
  SELECT nextval((SELECT pg_get_serial_sequence(${quoteLiteral(jobs)}, 'id')::regclass)) AS id, ${INPUT}
),
inserted AS (
  INSERT INTO ${jobs} (id, ${WRITTEN})
  SELECT id, ${WRITTEN} FROM input ORDER BY dedupe_key, id
  ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING') DO NOTHING
  RETURNING id, dedupe_key
)
SELECT coalesce(own.id, twin.id, (
         SELECT j.id FROM ${jobs} j
          WHERE j.dedupe_key = i.dedupe_key AND j.status IN ('READY', 'RUNNING')))::text AS id,
       (own.id IS NOT NULL)::text AS created
  FROM input i
  LEFT JOIN inserted own ON own.id = i.id
  LEFT JOIN inserted twin ON twin.dedupe_key = i.dedupe_key
 ORDER BY i.id`;

/** The statement that writes `jobs`. */
export function enqueueStatement(texts: EnqueueTexts, jobs: readonly CheckedJob[]): SqlStatement {
  const deduped = jobs.some(({ dedupeKey }) => dedupeKey !== null);
  return {
    text: deduped ? texts.deduped : texts.plain,
    params: COLUMNS.map((column) => arrayLiteral(jobs.map(column))),
  };
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
    .flatMap(([ids, created]) =>
      ids === null || ids === undefined
        ? null
        : ids.split(",").map((id) => ({ id, created: created === "true" })),
    );
}

const COLUMNS: readonly ((job: CheckedJob) => string | number | null)[] = [
  ({ type }) => type,
  ({ payloadText }) => payloadText,
  ({ dedupeKey }) => dedupeKey,
  ({ priority }) => (priority === USUAL.priority ? null : priority),
  ({ runAfter }) => runAfter,
  ({ maxAttempts }) => (maxAttempts === USUAL.maxAttempts ? null : maxAttempts),
  ({ timeoutSeconds }) => timeoutSeconds,
];
