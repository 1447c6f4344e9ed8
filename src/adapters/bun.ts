import { RECONNECTED } from "../core/executor.ts";
import type { SqlExecutor, SqlRow } from "../core/executor.ts";
import { inOrder, inTransaction } from "./in-transaction.ts";
import { senderOf, severalStatements } from "./send.ts";
import type { Send, Sender } from "./send.ts";
import type { OnNotify, Unlisten } from "./shared-listen.ts";

/** What pqrun calls of Bun's SQL inside a transaction of its owner's: the `sql` of `begin`, or a reserved one. */
export interface BunTransaction {
  unsafe(text: string, params: unknown[]): PromiseLike<unknown>;
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
 * statement is not waited for, but goes on.
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
    ...through(sql),
    batch: (statements) => transaction((tx) => inOrder(tx, statements)),
    transaction,
    with: through,
    listen: (channel, onNotify) => listen(sql, channel, onNotify),
    outlivesRequest: true,
  };
}

const through = (session: BunTransaction): Sender => senderOf(sender(session));

function sender(session: BunTransaction): Send {
  return async (text, params) => {
    const rows = (await session.unsafe(text, [...params])) as readonly SqlRow[];
    if (rows.some((row) => Array.isArray(row))) severalStatements();
    return [...rows];
  };
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
