import type { SqlExecutor } from "../../core/executor.ts";
import { checkOptions } from "../../core/values/known-options.ts";
import { checkDriver, requireSession } from "../shared/check-driver.ts";
import { inOrder, inTransaction } from "../shared/in-transaction.ts";
import { socketsOutliveRequests } from "../shared/outlives-request.ts";
import type { PostgresClient, PostgresTransaction } from "./postgres-driver.ts";
import { listenWithPostgres } from "./postgres-listen.ts";
import { textReader } from "./postgres-rows.ts";
import { leavingReadOnly, postgresSender } from "./postgres-sender.ts";
import { senderOf } from "../shared/executor-over.ts";
import type { Sender } from "../shared/executor-over.ts";
import { withinRequest } from "../shared/request-timeout.ts";

export type {
  PostgresClient,
  PostgresClientOptions,
  PostgresQuery,
  PostgresSession,
  PostgresTransaction,
  PostgresValues,
} from "./postgres-driver.ts";

const IN_TRANSACTION = "the `sql` of postgres.js's `begin`, a reserved one, or executor({ query })";

/** Options of {@link postgresExecutor}. */
export interface PostgresOptions {
  /**
   * Prepares pqrun's statements on each connection, outside transactions: one
   * round trip instead of two. Leave it off behind a pooler in transaction
   * mode: statements hang.
   *
   * @default false
   */
  readonly prepare?: boolean | undefined;

  /**
   * Whether the connections outlive the request that opened them. Where not, a statement whose caller sets no
   * limit is aborted after 20 s: a connection that an earlier request has left behind never answers.
   *
   * @default true, but false on Cloudflare's Workers
   */
  readonly outlivesRequest?: boolean | undefined;
}

const OPTIONS = { prepare: true, outlivesRequest: true } as const satisfies Record<
  keyof PostgresOptions,
  true
>;

/**
 * Speaks through postgres.js, however it is configured. `listen` opens a
 * connection of its own. An aborted statement is cancelled on the server where
 * it has been sent, and keeps its connection until that has answered. In a
 * transaction it goes on.
 *
 * ```ts
 * const store = new PgJobStore(postgresExecutor(postgres(url)));
 * ```
 *
 * @throws InvalidInputError for what is no client, such as a URL, for an option that is none, and for a client whose `transform.row`, or whose serializer of text, makes something else of it.
 */
export function postgresExecutor(
  sql: PostgresClient,
  options: PostgresOptions = {},
): SqlExecutor<PostgresTransaction> {
  checkDriver("sql", sql, ["unsafe", "begin"], "a client of postgres.js");
  checkOptions(options, OPTIONS);
  const { prepare = false, outlivesRequest = socketsOutliveRequests() } = options;
  const read = textReader(sql);
  const through = (session: PostgresTransaction): Sender => {
    checkDriver("tx", session, ["unsafe"], IN_TRANSACTION);
    requireSession(session, IN_TRANSACTION);
    return senderOf(postgresSender(session, { read }));
  };
  const transaction = async <T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> => {
    // In an object, since `begin` looks into arrays.
    const done = await sql.begin(async (tx) => ({
      result: await inTransaction(postgresSender(tx, { read }), work),
    }));
    return (done as { readonly result: T }).result;
  };
  return withinRequest({
    ...senderOf(leavingReadOnly(sql, postgresSender(sql, { read, prepare, cancels: true }))),
    batch: (statements) => transaction((tx) => inOrder(tx, statements)),
    transaction,
    with: through,
    listen: listenWithPostgres(sql),
    outlivesRequest,
  });
}
