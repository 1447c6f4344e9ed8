import type { SqlExecutor, SqlRow } from "../core/executor.ts";
import { checkDriver } from "./shared/check-driver.ts";
import { inOrder, inTransaction } from "./shared/in-transaction.ts";
import { senderOf } from "./shared/executor-over.ts";
import type { Send, Sender } from "./shared/executor-over.ts";
import { sharedListen, statementSession } from "./shared/shared-listen.ts";

/** What pqrun calls of PGlite inside a transaction of its owner's. */
export interface PgliteTransaction extends PgliteSession {
  /** PGlite itself has none, and is in no transaction. */
  rollback(): Promise<unknown>;
}

/** What pqrun calls of PGlite to send a statement. */
export interface PgliteSession {
  query(
    text: string,
    params: unknown[],
    options?: { readonly parsers?: Record<number, (text: string) => unknown> },
  ): Promise<{ readonly rows: readonly unknown[] }>;
}

/** What pqrun calls of PGlite. */
export interface Pglite extends PgliteSession {
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
 *
 * @throws InvalidInputError for anything else.
 */
export function pgliteExecutor(pglite: Pglite): SqlExecutor<PgliteTransaction> {
  checkDriver("pglite", pglite, ["query", "transaction", "onNotification"], "a PGlite");
  const transaction = <T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> =>
    pglite.transaction((tx) => inTransaction(sender(tx), work));
  return {
    ...senderOf(sender(pglite)),
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

const IN_TRANSACTION = "the `tx` of PGlite's `transaction`, or executor({ query })";
/** Text (type 25) comes as text: its owner may have set a parser for that, too. */
const AS_TEXT = { parsers: { 25: String } };

function through(session: PgliteTransaction): Sender {
  checkDriver("tx", session, ["query", "rollback"], IN_TRANSACTION);
  return senderOf(sender(session));
}

function sender(session: PgliteSession): Send {
  return async (text, params, { own = false }) => {
    const { rows } = await session.query(text, [...params], own ? AS_TEXT : undefined);
    return rows as readonly SqlRow[];
  };
}
