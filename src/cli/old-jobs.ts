import { FINISHED_STATUSES, type PruneOptions } from "../core/operations/prune.ts";
import { send } from "../core/sql/run-statement.ts";
import type { PgJobStore } from "../core/store.ts";

/**
 * How many jobs a prune may delete. It reads the whole table, half a second for a million rows, since an operator is to
 * know the number beforehand; the prunes themselves don't.
 */
export async function countOldJobs(
  { connection }: PgJobStore,
  { olderThanSeconds, statuses = FINISHED_STATUSES }: PruneOptions,
  signal: AbortSignal,
): Promise<number> {
  const text = `SELECT count(*)::text FROM ${connection.names.jobs} j
 WHERE j.status::text = ANY (ARRAY(SELECT value FROM json_array_elements_text($1::text::json)))
   AND coalesce(j.finished_at, j.updated_at) < now() - $2::text::float8 * interval '1 s'`;
  const params = [JSON.stringify(statuses), String(olderThanSeconds)];
  const rows = await send(connection, "prune", { text, params }, { signal, reads: true });
  return Number(Object.values(rows[0] ?? {})[0]);
}
