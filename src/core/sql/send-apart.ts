import type { SqlRow, SqlStatement } from "../executor.ts";
import { send } from "./run-statement.ts";
import type { Connection } from "./run-statement.ts";
import { sqlState } from "./sql-state.ts";

/** How often a statement is sent again that met a dedupe key which became active while it ran. */
const MOST_TRIES = 5;

/**
 * Sends a statement that may meet a dedupe key which becomes active while it runs (23505), where its snapshot has no such
 * job: the next one has, and says so. In a transaction of the caller's it stands behind a savepoint, or the refusal would be
 * the end of the caller's work.
 *
 * @returns undefined where the key became active, and free again, each time
 */
export async function sendApart(
  connection: Connection,
  operation: string,
  statement: SqlStatement,
): Promise<readonly SqlRow[] | undefined> {
  const { executor, inTransaction } = connection;
  const mark = async (text: string): Promise<void> => {
    if (inTransaction) await executor.query(`${text} SAVEPOINT pqrun_apart`, []);
  };
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    await mark("");
    try {
      const rows = await send(connection, operation, statement);
      await mark("RELEASE");
      return rows;
    } catch (error) {
      if (sqlState(error) !== "23505") throw error;
      await mark("ROLLBACK TO");
    }
  }
  return undefined;
}
