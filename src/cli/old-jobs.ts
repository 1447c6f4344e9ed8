import { isOld, pruneAges, type PruneOptions } from "../core/operations/prune-rules.ts";
import { send } from "../core/sql/run-statement.ts";
import type { PgJobStore } from "../core/store.ts";

/**
 * How many jobs a prune may delete. It reads the whole table, half a second for a million rows, since an operator is to
 * know the number beforehand; the prunes themselves don't.
 */
export async function countOldJobs(
  { connection }: PgJobStore,
  which: PruneOptions,
  signal: AbortSignal,
): Promise<number> {
  const text = `SELECT count(*)::text FROM ${connection.names.jobs} j
 WHERE ${isOld("$1", "(SELECT $2::text::jsonb)")}`;
  const params = pruneAges(which);
  const rows = await send(connection, "prune", { text, params }, { signal, reads: true });
  return Number(Object.values(rows[0] ?? {})[0]);
}
