import type { QueryOptions, SqlRow, SqlStatement } from "../executor.ts";
import { quoteLiteral } from "../sql/table-names.ts";
import type { TableNames } from "../sql/table-names.ts";
import { cells } from "../job.ts";
import { checkPrune, isOld, pruneAges, type PruneOptions } from "./prune-rules.ts";

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
 * `$1` the least age in seconds, `$2` the ages, a JSON object, `$3` limit.
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
  const old = `CASE WHEN ${isOld("$1", "(SELECT $2::text::jsonb)")}
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

/** @throws InvalidInputError naming the option. */
export function pruneStatement(text: string, options: PruneOptions): SqlStatement {
  checkPrune(options);
  return { text, params: [...pruneAges(options), String(options.limit ?? 1_000)] };
}

/** Reads the one row. */
export function readPruned(rows: readonly SqlRow[], { limit = 1_000 }: PruneOptions): Pruned {
  const deleted = Number(cells(rows[0] ?? {})[0] ?? 0);
  return { deleted, more: deleted >= limit };
}
