import type { TableNames } from "../sql/table-names.ts";
import { bulkStatement, bulkText, readBulk } from "../sql/bulk-act.ts";
import type { BulkAnswer } from "../sql/bulk-act.ts";
import type { JobFilter } from "../sql/matching-jobs.ts";
import { send } from "../sql/run-statement.ts";
import type { Connection } from "../sql/run-statement.ts";

/** What is due already keeps its place. */
export const runNowText = ({ jobs }: TableNames): string =>
  bulkText(
    jobs,
    "NO KEY UPDATE",
    `acted AS (
  UPDATE ${jobs} j SET run_after = now(), updated_at = now()
   WHERE j.id = ANY (ARRAY(SELECT id FROM held)) AND j.run_after > now()
  RETURNING j.id)`,
  );

/**
 * Makes READY jobs due that wait for their time, of the 1,000 newest that the filter finds; those that are due stay as they
 * are, and count as neither done nor left out.
 *
 * @throws InvalidInputError naming the option.
 */
export async function runNow(
  { connection }: { readonly connection: Connection },
  filter: JobFilter,
): Promise<BulkAnswer> {
  const statement = bulkStatement(runNowText(connection.names), filter, ["READY"], ["READY"]);
  return readBulk(await send(connection, "runNow", statement), filter);
}
