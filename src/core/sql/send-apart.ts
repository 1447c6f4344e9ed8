import { DedupeConflictError } from "../errors.ts";
import type { SqlRow, SqlStatement } from "../executor.ts";
import { send } from "./run-statement.ts";
import type { Connection } from "./run-statement.ts";
import { sqlState } from "./sql-state.ts";

/** How often a statement is sent again that met a key which was taken while it ran. */
const MOST_TRIES = 5;

/**
 * Sends a statement that may meet a key which is taken while it runs (23505), where its snapshot has no such job: the next
 * one has, and says so. In a transaction of the caller's it stands behind a savepoint, or the refusal would be
 * the end of the caller's work.
 *
 * @param older what is sent to a table of an older version, which lacks a column of `newer`
 * @throws DedupeConflictError where the key became active, and free again, each time; nothing was written.
 */
export async function sendApart(
  connection: Connection,
  operation: string,
  newer: SqlStatement,
  older: SqlStatement,
): Promise<readonly SqlRow[]> {
  const { executor, inTransaction } = connection;
  const mark = async (verb: string): Promise<unknown> =>
    inTransaction ? await executor.query(`${verb} SAVEPOINT pqrun`, []) : undefined;
  let statement = newer;
  for (let tries = 1; ; tries += 1) {
    await mark("");
    try {
      const rows = await send(connection, operation, statement);
      await mark("RELEASE");
      return rows;
    } catch (cause) {
      const state = sqlState(cause);
      const lacking = state === "42703" && statement === newer;
      if (state !== "23505" && !lacking) throw cause;
      await mark("ROLLBACK TO");
      if (lacking) statement = older;
      if (tries === MOST_TRIES)
        throw new DedupeConflictError("", `${operation}: another job has the dedupe key`, { cause });
    }
  }
}
