import type { SqlExecutor, SqlRow } from "../core/executor.ts";
import { isReadOnly } from "../core/sql-state.ts";
import { inOrder, inTransaction } from "./in-transaction.ts";
import { socketsOutliveRequests } from "./outlives-request.ts";
import { listenWithPostgres } from "./postgres-listen.ts";
import type { PostgresListener } from "./postgres-listen.ts";
import { senderOf } from "./send.ts";
import type { Send, Sender } from "./send.ts";
import { withinRequest } from "./within-request.ts";

/** Rows as arrays, and what the columns are called; null where the statement has none. */
export interface PostgresValues extends ReadonlyArray<readonly unknown[]> {
  readonly columns?: readonly { readonly name: string }[] | null;
}

/** What pqrun calls of postgres.js inside a transaction of its owner's: the `sql` of `begin`, or a reserved one. */
export interface PostgresTransaction {
  unsafe(
    text: string,
    params: (string | null)[],
    options: { readonly prepare: boolean; readonly simple: boolean; readonly onexecute: () => boolean },
  ): { values(): Promise<PostgresValues> };
}

/** What pqrun calls of postgres.js. */
export interface PostgresClient extends PostgresTransaction, PostgresListener {
  begin<T>(work: (sql: PostgresTransaction) => Promise<T>): Promise<unknown>;
}

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

/**
 * Speaks through postgres.js, however it is configured. `listen` opens a
 * connection of its own. An aborted statement is not waited for, but goes on
 * where it has been sent: the driver's `cancel` also hits what comes next on
 * that connection, and loses a connection that is just being opened.
 *
 * ```ts
 * const store = new PgJobStore(postgresExecutor(postgres(url)));
 * ```
 */
export function postgresExecutor(
  sql: PostgresClient,
  options: PostgresOptions = {},
): SqlExecutor<PostgresTransaction> {
  const { prepare = false, outlivesRequest = socketsOutliveRequests() } = options;
  // A name that the server does not know would fail the transaction as a whole.
  const through = (session: PostgresTransaction): Sender => senderOf(sender(session, false));
  const transaction = async <T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> => {
    // In an object, since `begin` looks into arrays.
    const done = await sql.begin(async (tx) => ({ result: await inTransaction(sender(tx, false), work) }));
    return (done as { readonly result: T }).result;
  };
  return withinRequest({
    ...senderOf(leavingReadOnly(sql, sender(sql, prepare))),
    batch: (statements) => transaction((tx) => inOrder(tx, statements)),
    transaction,
    with: through,
    listen: listenWithPostgres(sql),
    outlivesRequest,
  });
}

/** A value that PostgreSQL takes for no parameter (22021). To have the driver itself refuse would break its queue. */
const REFUSED = "\0";

/**
 * Tells the driver that more must not be sent on this connection before the answer is there. What it sends on one that
 * is just breaking it forgets: neither answered nor rejected, that hangs for ever.
 */
const notPipelined = (): boolean => false;

function sender(session: PostgresTransaction, prepare: boolean): Send {
  return async (text, params, { signal, own = false }) => {
    // An application's own SQL may have whatever parameters the driver takes.
    const args = [...params] as (string | null)[];
    // The driver reads them when it sends. What still waits for a connection must not be carried out when one is
    // there again, long after its caller has given it up.
    const onAbort = (): void => void args.fill(REFUSED);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      // As values, which `transform` leaves alone; not simple, or one text could hold several statements.
      const options = { prepare: prepare && own, simple: false, onexecute: notPipelined };
      const values = await session.unsafe(text, args, options).values();
      const names = values.columns?.map(({ name }) => name) ?? [];
      // Where a connection was lost in mid-answer, the driver goes on counting rows in the next one's first answer, so
      // that holes come before its rows: `flatMap` leaves them out, `map` would keep them.
      return values.flatMap((row) => [toRow(names, row)]);
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  };
}

/**
 * Ends a session that is read-only: after a failover it would be lent again for good. The driver lends whichever it
 * likes, so the statement looks where it is.
 */
const LEAVE_READ_ONLY = `SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())
  WHERE pg_catalog.current_setting('transaction_read_only') = 'on'`;

function leavingReadOnly(sql: PostgresClient, send: Send): Send {
  return async (text, params, options) => {
    try {
      return await send(text, params, options);
    } catch (error) {
      // What comes of it is told by the next statement.
      if (isReadOnly(error))
        sql
          .unsafe(LEAVE_READ_ONLY, [], { prepare: false, simple: false, onexecute: notPipelined })
          .values()
          .catch(() => undefined);
      throw error;
    }
  };
}

function toRow(names: readonly string[], row: readonly unknown[]): SqlRow {
  return Object.fromEntries(row.map((value, index) => [names[index] ?? String(index), value]));
}
