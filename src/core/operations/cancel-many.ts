import type { TableNames } from "../sql/table-names.ts";
import { bulkStatement, bulkText, readBulk } from "../sql/bulk-act.ts";
import type { BulkAnswer } from "../sql/bulk-act.ts";
import type { JobFilter } from "../sql/matching-jobs.ts";
import { send } from "../sql/run-statement.ts";
import type { Connection } from "../sql/run-statement.ts";

/** As `cancel.ts` does with one. */
export const cancelManyText = ({ jobs }: TableNames): string =>
  bulkText(
    jobs,
    "NO KEY UPDATE",
    `acted AS (
  UPDATE ${jobs} j
     SET status = 'CANCELLED', finished_at = now(), updated_at = now(),
         locked_at = NULL, locked_by = NULL, lease_expires_at = NULL, lease_holder = NULL
   WHERE j.id = ANY (ARRAY(SELECT id FROM held))
  RETURNING j.id)`,
  );

/**
 * Cancels READY jobs, at most 1,000 in a call, the newest first. RUNNING ones too, where `statuses` names that state: a
 * running handler's signal aborts when its worker next extends.
 *
 * @throws InvalidInputError naming the option.
 */
export async function cancelMany(
  { connection }: { readonly connection: Connection },
  filter: JobFilter,
): Promise<BulkAnswer> {
  const text = cancelManyText(connection.names);
  const statement = bulkStatement(text, filter, ["READY", "RUNNING"], ["READY"]);
  return readBulk(await send(connection, "cancelMany", statement), filter);
}
