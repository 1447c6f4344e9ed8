import { InvalidInputError } from "../errors.ts";
import type { SqlRow, SqlStatement } from "../executor.ts";
import { send } from "../sql/run-statement.ts";
import type { Connection, SendOptions } from "../sql/run-statement.ts";
import { sqlState } from "../sql/sql-state.ts";

/** As {@link send}. @throws InvalidInputError where the database refuses an expression or a zone (22023). */
export async function sendSchedule(
  connection: Connection,
  operation: string,
  statement: SqlStatement,
  options: SendOptions = {},
): Promise<readonly SqlRow[]> {
  try {
    return await send(connection, operation, statement, options);
  } catch (error) {
    if (sqlState(error) !== "22023") throw error;
    const said = error instanceof Error ? error.message : "";
    const field = said.startsWith("cron: ") ? "cron" : "timeZone";
    throw new InvalidInputError(field, `what the database takes (${said})`, undefined, { cause: error });
  }
}
