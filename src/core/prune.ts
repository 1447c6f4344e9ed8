import type { SqlRow, SqlStatement } from "./executor.ts";
import { InvalidInputError } from "./errors.ts";
import type { TableNames } from "./identifiers.ts";
import { cells } from "./job.ts";
import type { JobStatus } from "./job.ts";

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

/** What a prune deleted. */
export interface Pruned {
  readonly deleted: number;
  /** Whether it stopped at its limit. */
  readonly more: boolean;
}

/**
 * `$1` seconds, `$2` statuses, a JSON list, `$3` limit. In order of id, which is
 * near the order of finishing and needs no index. The conditions stand inside a
 * CASE: with statistics of a time when nothing had finished, the planner would
 * read and sort the whole table for the few rows that it expects.
 */
export const pruneText = ({ jobs }: TableNames): string => `
WITH old AS MATERIALIZED (
  SELECT j.id
    FROM ${jobs} j
   WHERE CASE WHEN j.status::text = ANY (ARRAY(SELECT value FROM json_array_elements_text($2::text::json)))
               AND j.finished_at < now() - $1::text::float8 * interval '1 s' THEN true END
   ORDER BY j.id
   LIMIT $3::text::int4
     FOR UPDATE SKIP LOCKED
),
pruned AS (
  DELETE FROM ${jobs} j WHERE j.id = ANY (ARRAY(SELECT id FROM old)) RETURNING 1
)
SELECT count(*)::text AS deleted FROM pruned`;

/** @throws InvalidInputError naming the option. */
export function pruneStatement(text: string, options: PruneOptions): SqlStatement {
  const { olderThanSeconds, statuses = FINISHED_STATUSES, limit = 1_000 } = options;
  if (!(olderThanSeconds >= 0 && olderThanSeconds <= 3_155_760_000)) {
    throw new InvalidInputError("olderThanSeconds", "seconds, 0 to a hundred years", olderThanSeconds);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000) {
    throw new InvalidInputError("limit", "a whole number from 1 to 10000", limit);
  }
  const foreign = statuses.find((status) => !FINISHED_STATUSES.includes(status));
  if (foreign !== undefined) throw new InvalidInputError("statuses", FINISHED_STATUSES.join(", "), foreign);
  return { text, params: [String(olderThanSeconds), JSON.stringify(statuses), String(limit)] };
}

/** Reads the one row. */
export function readPruned(rows: readonly SqlRow[], { limit = 1_000 }: PruneOptions): Pruned {
  const deleted = Number(cells(rows[0] ?? {})[0] ?? 0);
  return { deleted, more: deleted >= limit };
}
