import type { QueryOptions, SqlRow, SqlStatement } from "../executor.ts";
import { InvalidInputError } from "../errors.ts";
import { checkWhole } from "../values/check-number.ts";
import { checkOptions } from "../values/known-options.ts";
import { quoteLiteral } from "../sql/table-names.ts";
import type { TableNames } from "../sql/table-names.ts";
import { cells } from "../job.ts";
import type { JobStatus } from "../job.ts";

/** The states that a prune may delete. */
export const FINISHED_STATUSES = ["DONE", "FAILED", "CANCELLED"] as const satisfies readonly JobStatus[];

/** Which finished jobs to delete. */
export interface PruneOptions {
  /** Only those that finished longer ago than this, in seconds. */
  readonly olderThanSeconds: number;
  /** @default all three */
  readonly statuses?: readonly (typeof FINISHED_STATUSES)[number][] | undefined;
  /** Most rows in this call, 1 to 10,000. @default 1,000 */
  readonly limit?: number | undefined;
}

const PRUNE_OPTIONS = { olderThanSeconds: true, statuses: true, limit: true } as const satisfies Record<
  keyof PruneOptions,
  true
>;

/** How a prune is to be sent. */
export interface PruneQuery extends QueryOptions {
  /** Is asked before each further statement, of which a prune sends two where a foreign key holds a job: whether it may. @default yes */
  readonly another?: (() => boolean) | undefined;
}

/** What a prune deleted. */
export interface Pruned {
  /** How many jobs were deleted. On a large table 0 says that little is old, not that nothing is: see {@link PgJobStore.prune}. */
  readonly deleted: number;
  /** Whether it stopped at its limit: the next call finds more at once. */
  readonly more: boolean;
}

/** How many of the table's first rows are looked at, by id: the oldest jobs are there, unless others are kept before them. */
const FRONT_ROWS = 300;
/** About how many pages of the table are looked at, wherever they are. */
const SAMPLE_PAGES = 64;

/**
 * `$1` seconds, `$2` statuses, a JSON list, `$3` limit.
 *
 * Nothing is read for long where nothing is old, and no index is kept for it: one on the time of finishing costs each
 * job a twentieth more of the server's time (measured). Ids are in the order of finishing, nearly, so that what is old
 * comes first. Not always: jobs that are kept for longer, wait for next year, or finished long after they were enqueued
 * may stand before it in any number. So a sample of the table's pages is looked at besides, which finds what is old
 * with the chance of its share: of a hundredth of the table half of the calls find some, of a tenth all. What is found
 * is deleted, and what follows it by id.
 *
 * The conditions stand inside a CASE: with statistics of a time when nothing had finished, the planner would read and
 * sort the whole table for the few rows that it expects.
 *
 * @param holders conditions that are true of a job `j` that a foreign key holds, as `prune-holders.ts` finds them
 */
export function pruneText({ jobs }: TableNames, holders: readonly string[] = []): string {
  const held = ["false", ...holders].join(" OR ");
  const old = `CASE WHEN j.status::text = ANY (ARRAY(SELECT value FROM json_array_elements_text($2::text::json)))
                    -- Python's package ends a job that never ran without a time.
                    AND coalesce(j.finished_at, j.updated_at) < now() - $1::text::float8 * interval '1 s'
                    AND NOT (${held}) THEN true END`;
  return `
WITH front AS MATERIALIZED (
  SELECT min(l.id) AS id
    FROM (SELECT j.id, ${old} AS old FROM ${jobs} j ORDER BY j.id LIMIT ${FRONT_ROWS}) l
   WHERE l.old
),
sampled AS MATERIALIZED (
  SELECT min(j.id) AS id
    FROM ${jobs} j TABLESAMPLE SYSTEM (least(100, 100.0 * ${SAMPLE_PAGES} * current_setting('block_size')::int
                                       / greatest(1, pg_relation_size(${quoteLiteral(jobs)}::regclass))))
   WHERE ${old}
),
found AS MATERIALIZED (
  SELECT DISTINCT near.id
    FROM (SELECT id FROM front UNION SELECT id FROM sampled) begins
   CROSS JOIN LATERAL (
     SELECT j.id, ${old} AS old
       FROM ${jobs} j
      WHERE j.id >= begins.id
      ORDER BY j.id
      LIMIT ${FRONT_ROWS} + 2 * $3::text::int4) near
   WHERE near.old
   ORDER BY near.id
   LIMIT $3::text::int4
),
old AS MATERIALIZED (
  SELECT j.id
    FROM ${jobs} j
   WHERE j.id = ANY (ARRAY(SELECT id FROM found)) AND ${old}
     FOR UPDATE SKIP LOCKED
),
pruned AS (
  DELETE FROM ${jobs} j WHERE j.id = ANY (ARRAY(SELECT id FROM old)) RETURNING 1
)
SELECT count(*)::text AS deleted FROM pruned`;
}

/** @param at what stands before the options' names. @throws InvalidInputError naming the option. */
export function checkPrune(options: PruneOptions, at = ""): void {
  checkOptions(options, PRUNE_OPTIONS, at);
  const { olderThanSeconds, statuses = FINISHED_STATUSES, limit = 1_000 } = options;
  if (!(olderThanSeconds >= 0 && olderThanSeconds <= 3_155_760_000)) {
    throw new InvalidInputError(`${at}olderThanSeconds`, "seconds, 0 to a hundred years", olderThanSeconds);
  }
  checkWhole(`${at}limit`, limit, 1, 10_000);
  const foreign = statuses.find((status) => !FINISHED_STATUSES.includes(status));
  if (foreign !== undefined)
    throw new InvalidInputError(`${at}statuses`, FINISHED_STATUSES.join(", "), foreign);
}

/** @throws InvalidInputError naming the option. */
export function pruneStatement(text: string, options: PruneOptions): SqlStatement {
  checkPrune(options);
  const { olderThanSeconds, statuses = FINISHED_STATUSES, limit = 1_000 } = options;
  return { text, params: [String(olderThanSeconds), JSON.stringify(statuses), String(limit)] };
}

/** Reads the one row. */
export function readPruned(rows: readonly SqlRow[], { limit = 1_000 }: PruneOptions): Pruned {
  const deleted = Number(cells(rows[0] ?? {})[0] ?? 0);
  return { deleted, more: deleted >= limit };
}
