import type { SqlExecutor, SqlRow } from "../core/executor.ts";
import { inOrder, inTransaction } from "./shared/in-transaction.ts";
import { senderOf } from "./shared/executor-over.ts";
import type { Send, Sender } from "./shared/executor-over.ts";
import { sharedListen, statementSession } from "./shared/shared-listen.ts";

/** What pqrun calls of PGlite inside a transaction of its owner's. */
export interface PgliteTransaction {
  query(
    text: string,
    params: unknown[],
    options?: { readonly parsers?: Record<number, (text: string) => unknown> },
  ): Promise<{ readonly rows: readonly unknown[] }>;
}

/** What pqrun calls of PGlite. */
export interface Pglite extends PgliteTransaction {
  transaction<T>(work: (tx: PgliteTransaction) => Promise<T>): Promise<T>;
  onNotification(heard: (channel: string, payload: string) => void): () => void;
}

/**
 * Speaks to PGlite, PostgreSQL in this process. There is one session: inside
 * `transaction` only `tx` may be called, or both wait for each other for ever.
 * An aborted statement is not waited for, but goes on.
 *
 * ```ts
 * const store = new PgJobStore(pgliteExecutor(new PGlite("./data")));
 * ```
 */
export function pgliteExecutor(pglite: Pglite): SqlExecutor<PgliteTransaction> {
  const transaction = <T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> =>
    pglite.transaction((tx) => inTransaction(sender(tx), work));
  return {
    ...through(pglite),
    batch: (statements) => transaction((tx) => inOrder(tx, statements)),
    transaction,
    with: through,
    // Not its `listen`, which can't take every name.
    listen: sharedListen(pglite, ({ onNotify }) =>
      Promise.resolve(statementSession((text) => pglite.query(text, []), pglite.onNotification(onNotify))),
    ),
    outlivesRequest: true,
  };
}

/** Text (type 25) comes as text: its owner may have set a parser for that, too. */
const AS_TEXT = { parsers: { 25: String } };

const through = (session: PgliteTransaction): Sender => senderOf(sender(session));

function sender(session: PgliteTransaction): Send {
  return async (text, params, { own = false }) => {
    const { rows } = await session.query(text, [...params], own ? AS_TEXT : undefined);
    return rows as readonly SqlRow[];
  };
}
