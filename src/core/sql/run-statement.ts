import { TableError, UnknownOutcomeError } from "../errors.ts";
import type { SqlExecutor, SqlRow, SqlStatement } from "../executor.ts";
import type { TableNames } from "./table-names.ts";
import type { Logger } from "../logger.ts";
import { isConflict, provesRollback, sqlState } from "./sql-state.ts";

/** Where statements go. */
export interface Connection {
  readonly executor: SqlExecutor;
  readonly names: TableNames;
  readonly logger: Logger;
  /** Whether a transaction of the caller's is open: a refused statement has ended it, and none may be repeated. */
  readonly inTransaction: boolean;
  /** Kept between calls, so that the isolation level is warned of once. */
  readonly warned: { isolation: boolean; hiddenRows?: boolean };
}

/** How one statement is to be sent. */
export interface SendOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether it only reads: then nobody asks what became of it. @default false */
  readonly reads?: boolean | undefined;
}

/**
 * At most this often is a statement sent again that lost a conflict (40001,
 * 40P01). The one that won has ended by then, so each round settles at least
 * one, and there is nothing to wait for. But who won comes again with its next
 * turn: of six runners that share a backlog one loses three of four times, and
 * now and then a score in a row (measured).
 */
const CONFLICT_RETRIES = 100;

/**
 * Sends one statement.
 *
 * @throws the signal's reason where it has fired before.
 * @throws UnknownOutcomeError where it may have taken effect although it failed.
 * @throws TableError where the table is absent or older than this version.
 */
export async function send(
  connection: Connection,
  operation: string,
  { text, params }: SqlStatement,
  { signal, reads = false }: SendOptions = {},
): Promise<readonly SqlRow[]> {
  for (let round = 0; ; round += 1) {
    // Nothing is written by then: a round that lost a conflict has been rolled back.
    signal?.throwIfAborted();
    try {
      return await connection.executor.query(text, params, { signal, own: true });
    } catch (error) {
      const again = isConflict(error) && !connection.inTransaction && round < CONFLICT_RETRIES;
      if (!again) throw explained(connection, operation, error, reads);
      warnOfIsolation(connection, error);
    }
  }
}

function explained(
  { names, inTransaction }: Connection,
  operation: string,
  error: unknown,
  reads: boolean,
): unknown {
  const state = sqlState(error);
  if (state === "42P01" || state === "42703") {
    return new TableError(
      `${names.jobs} is absent or older than this version of pqrun: run \`pqrun migrate${optionsOf(names)}\``,
      { cause: error },
    );
  }
  // In a transaction nothing has taken effect before its COMMIT, which is the caller's.
  return reads || inTransaction || provesRollback(error) ? error : new UnknownOutcomeError(operation, error);
}

/** To a worker such a table looks empty, whatever is due in it. */
export function warnOfHiddenRows({ logger, names, warned }: Connection): void {
  if (warned.hiddenRows === true) return;
  warned.hiddenRows = true;
  logger.warn(
    `row level security is on for ${names.jobs}, and this role is subject to it: it sees and runs only the jobs that a ` +
      "policy lets it, and none without a policy. CREATE POLICY for the role, or ALTER ROLE … BYPASSRLS",
  );
}

/** Without them the command would make another table. */
function optionsOf({ schema, table }: TableNames): string {
  const option = (name: string, value: string, usual: string): string =>
    value === usual ? "" : ` --${name} ${/^[\w-]+$/.test(value) ? value : JSON.stringify(value)}`;
  return option("schema", schema, "public") + option("table", table, "jobs");
}

function warnOfIsolation({ logger, warned }: Connection, error: unknown): void {
  if (sqlState(error) !== "40001" || warned.isolation) return;
  warned.isolation = true;
  logger.warn(
    "statements conflict, so they are repeated: the database's default_transaction_isolation is not " +
      "'read committed'. ALTER ROLE … SET default_transaction_isolation = 'read committed' for pqrun's role is faster",
  );
}
