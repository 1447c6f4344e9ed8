import type { SqlExecutor, SqlRow } from "../core/executor.ts";
import { notSent } from "../core/sql/sql-state.ts";
import { checkDriver, requireSession } from "./shared/check-driver.ts";
import { inOrder, inTransaction } from "./shared/in-transaction.ts";
import { senderOf, severalStatements } from "./shared/executor-over.ts";
import type { Send, Sender } from "./shared/executor-over.ts";
import { sharedListen } from "./shared/shared-listen.ts";
import type { ListeningSession, SessionEvents } from "./shared/shared-listen.ts";

/** What pqrun calls of Bun's SQL to send a statement. */
export interface BunSession {
  unsafe(text: string, params: unknown[]): BunQuery;
}

/**
 * What pqrun calls of Bun's SQL inside a transaction of its owner's: the `sql` of `begin`, or a reserved one. Not the
 * client itself, which has neither of these members, and is in no transaction.
 */
export type BunTransaction = BunSession & ({ readonly savepoint: unknown } | { readonly release: unknown });

/** What pqrun calls of one query of Bun's. */
export interface BunQuery extends PromiseLike<unknown> {
  /** Has the server end it, or takes it out of the queue. */
  cancel?(): unknown;
}

/** What pqrun calls of Bun's SQL. */
export interface BunSql extends BunSession {
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
 *
 * @throws InvalidInputError for anything else.
 */
export function bunExecutor(sql: BunSql): SqlExecutor<BunTransaction> {
  checkDriver("sql", sql, ["unsafe", "begin"], "an SQL of Bun's");
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
    listen: sharedListen(sql, (events) => Promise.resolve(listening(sql, events))),
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

function through(session: BunTransaction): Sender {
  const expected = "the `sql` of `begin`, a reserved one, or executor({ query })";
  checkDriver("tx", session, ["unsafe"], expected);
  requireSession(session, expected);
  return senderOf(sender(session));
}

function sender(session: BunSession): Send {
  return (text, params) => rowsOf(session.unsafe(text, [...params]));
}

async function rowsOf(query: BunQuery): Promise<readonly SqlRow[]> {
  const rows = (await sent(query)) as readonly SqlRow[];
  if (rows.some((row) => Array.isArray(row))) severalStatements();
  return [...rows];
}

/** Bun's codes of a connection that was never opened: what waited for it has not left. One that was ended has the code of one that broke. */
const NOT_OPENED =
  /^ERR_POSTGRES_(?:CONNECTION_(?:REFUSED|FAILED|TIMEOUT)|TLS_.*|.*AUTHENTICATION.*|SASL_.*)$/;

async function sent(query: BunQuery): Promise<unknown> {
  try {
    return await query;
  } catch (error) {
    throw NOT_OPENED.test(String((error as { readonly code?: unknown } | null)?.code))
      ? notSent(error)
      : error;
  }
}

/** The driver opens its connection with the first subscription, anew where that was lost, and closes it with the last. */
function listening(sql: BunSql, { onNotify, onReopened }: SessionEvents): ListeningSession {
  const subscriptions = new Map<string, { unlisten(): Promise<unknown> }>();
  let over = false;
  const unlisten = async (channel: string): Promise<void> => {
    const subscription = subscriptions.get(channel);
    subscriptions.delete(channel);
    await subscription?.unlisten();
  };
  const close = async (): Promise<void> => {
    over = true;
    await Promise.all([...subscriptions.keys()].map(unlisten));
  };
  return {
    listen: async (channel) => {
      let opened = false;
      const heard = (payload: string): void => {
        if (!over) onNotify(channel, payload);
      };
      const subscription = await sql.listen(channel, heard, () => {
        if (opened && !over) onReopened();
        opened = true;
      });
      subscriptions.set(channel, subscription);
    },
    unlisten,
    close,
    abandon: () => {
      close().catch(() => undefined);
    },
  };
}
