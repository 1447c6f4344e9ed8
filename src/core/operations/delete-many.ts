import type { TableNames } from "../sql/table-names.ts";
import { bulkStatement, bulkText, readBulk } from "../sql/bulk-act.ts";
import type { BulkAnswer } from "../sql/bulk-act.ts";
import type { JobFilter } from "../sql/matching-jobs.ts";
import { send } from "../sql/run-statement.ts";
import type { Connection } from "../sql/run-statement.ts";
import { sqlState } from "../sql/sql-state.ts";
import { FINISHED_STATUSES } from "./prune-rules.ts";
import { holdersText, readHolders } from "./prune-holders.ts";

/** @param holders conditions that are true of a job `j` that a foreign key holds, as `prune-holders.ts` finds them */
export const deleteManyText = ({ jobs }: TableNames, holders: readonly string[] = []): string =>
  bulkText(
    jobs,
    "UPDATE",
    `kept AS MATERIALIZED (
  SELECT j.id FROM ${jobs} j WHERE j.id = ANY (ARRAY(SELECT id FROM held)) AND (${["false", ...holders].join(" OR ")})),
acted AS (
  DELETE FROM ${jobs} j WHERE j.id = ANY (ARRAY(SELECT id FROM held EXCEPT SELECT id FROM kept)) RETURNING j.id)`,
    `
 UNION ALL
SELECT 'held', k.id::text, NULL, NULL FROM kept k`,
  );

/**
 * Deletes finished jobs, at most 1,000 in a call, the newest first. The filter must name `statuses`, or `ids`: nothing is
 * deleted by a condition that was forgotten. A job that a foreign key holds stays, and `leftOut` says so.
 *
 * @throws InvalidInputError naming the option.
 */
export async function deleteMany(
  { connection }: { readonly connection: Connection },
  filter: JobFilter,
): Promise<BulkAnswer> {
  const usual = filter.ids === undefined ? undefined : FINISHED_STATUSES;
  const deleting = async (holders: readonly string[]): Promise<BulkAnswer> => {
    const text = deleteManyText(connection.names, holders);
    const statement = bulkStatement(text, filter, FINISHED_STATUSES, usual);
    return readBulk(await send(connection, "deleteMany", statement), filter);
  };
  const held = async (): Promise<BulkAnswer> => {
    const holders = { text: holdersText(connection.names), params: [] };
    return await deleting(readHolders(await send(connection, "deleteMany", holders, { reads: true })));
  };
  // There a refusal would be the end of the caller's transaction.
  if (connection.inTransaction) return await held();
  try {
    return await deleting([]);
  } catch (error) {
    if (sqlState(error) !== "23503") throw error;
    return await held();
  }
}
