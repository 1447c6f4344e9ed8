import { RECONNECTED } from "../core/executor.ts";
import type { SqlExecutor, SqlRow } from "../core/executor.ts";
import { inOrder, inTransaction } from "./in-transaction.ts";
import { senderOf, severalStatements } from "./send.ts";
import type { Send, Sender } from "./send.ts";
import type { OnNotify, Unlisten } from "./shared-listen.ts";

/** What pqrun calls of Bun's SQL inside a transaction of its owner's: the `sql` of `begin`, or a reserved one. */
export interface BunTransaction {
  unsafe(text: string, params: unknown[]): BunQuery;
}

/** What pqrun calls of one query of Bun's. */
export interface BunQuery extends PromiseLike<unknown> {
  /** Has the server end it, or takes it out of the queue. */
  cancel?(): unknown;
}

/** What pqrun calls of Bun's SQL. */
export interface BunSql extends BunTransaction {
  begin<T>(work: (sql: BunTransaction) => Promise<T>): Promise<unknown>;
  listen(
    channel: string,
    onNotify: (payload: string) => void,
    onListen: () => void,
  ): Promise<{ unlisten(): Promise<unknown> }>;
}

/**
 * Speaks through Bun's SQL. `listen` opens a connection of its own. An aborted
 * statement is cancelled on the server, and keeps its connection until that has
 * answered; in a transaction it goes on.
 *
 * ```ts
 * const store = new PgJobStore(bunExecutor(new Bun.SQL(url)));
 * ```
 */
export function bunExecutor(sql: BunSql): SqlExecutor<BunTransaction> {
  const transaction = async <T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> => {
    // In an object, since `begin` looks into arrays.
    const done = await sql.begin(async (tx) => ({
      result: await inTransaction(sender(tx), work),
    }));
    return (done as { readonly result: T }).result;
  };
  return {
    ...senderOf(cancelling(sql)),
    batch: (statements) => transaction((tx) => inOrder(tx, statements)),
    transaction,
    with: through,
    listen: (channel, onNotify) => listen(sql, channel, onNotify),
    outlivesRequest: true,
  };
}

/** A statement of its own. In a transaction's session the request might meet the statement after it. */
function cancelling(sql: BunSql): Send {
  return (text, params, { signal }) => {
    const query = sql.unsafe(text, [...params]);
    const onAbort = (): void => void query.cancel?.();
    signal?.addEventListener("abort", onAbort, { once: true });
    return rowsOf(query).finally(() => signal?.removeEventListener("abort", onAbort));
  };
}

const through = (session: BunTransaction): Sender => senderOf(sender(session));

function sender(session: BunTransaction): Send {
  return (text, params) => rowsOf(session.unsafe(text, [...params]));
}

async function rowsOf(query: BunQuery): Promise<readonly SqlRow[]> {
  const rows = (await query) as readonly SqlRow[];
  if (rows.some((row) => Array.isArray(row))) severalStatements();
  return [...rows];
}

async function listen(sql: BunSql, channel: string, onNotify: OnNotify): Promise<Unlisten> {
  let opened = false;
  const subscription = await sql.listen(channel, onNotify, () => {
    // Called again after a reconnect: something may have been missed.
    if (opened) onNotify(RECONNECTED);
    opened = true;
  });
  return async () => {
    await subscription.unlisten();
  };
}
