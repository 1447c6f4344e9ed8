/**
 * One row: an object in column order. The core reads rows by position, since
 * drivers can be told to rename columns.
 */
export type SqlRow = Readonly<Record<string, unknown>>;

/** One statement, ready to be sent. */
export interface SqlStatement {
  readonly text: string;
  readonly params: readonly (string | null)[];
}

/** How one statement is to be run. */
export interface QueryOptions {
  /**
   * Aborts the statement as the driver can: cancels it, or destroys its
   * connection. Its outcome is unknown afterwards.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Set with pqrun's own statements. Their texts come again and again, so that a server may keep their plans, and their
   * columns are text, which an adapter reads past what the client's owner makes of text. An application's own SQL
   * (`tx.query`) comes without it.
   *
   * @default false
   */
  readonly own?: boolean | undefined;
}

/** What a LISTEN hears when its session was lost and is there again: messages, and a whole server, may have been. */
export const RECONNECTED = "pqrun:reconnected";

/**
 * All that pqrun asks of a driver. The core sends parameters that are strings
 * or null, each cast in the text (`$1::text::int8`), and reads columns that
 * are text or null: the one form that comes out alike on every driver.
 *
 * An executor holds no SQL and no policy, and never closes a client that it
 * did not open. `Tx` is what the driver's own transactions hand to their body.
 */
export interface SqlExecutor<Tx = never> {
  /** Runs one statement, a transaction of its own outside {@link SqlExecutor.transaction}. */
  query(text: string, params?: readonly unknown[], options?: QueryOptions): Promise<readonly SqlRow[]>;

  /** Runs statements atomically and in order, in one round trip where the driver can. */
  batch?(statements: readonly SqlStatement[]): Promise<readonly (readonly SqlRow[])[]>;

  /** An interactive transaction: commits when `work` resolves, rolls back when it rejects. Absent over HTTP. */
  transaction?<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T>;

  /** Speaks through a transaction that the caller opened with the driver itself. */
  with?(tx: Tx): SqlExecutor;

  /**
   * LISTENs on a session of its own, and again after a reconnect, until the
   * returned function is called; {@link RECONNECTED} tells that it was lost
   * meanwhile. Absent where the driver has no such session.
   */
  listen?(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>>;

  /**
   * Whether a connection outlives the request that opened it. Only then may
   * concurrent enqueues share a statement: on Workers one request can't wait
   * for another's socket.
   *
   * @default false
   */
  readonly outlivesRequest?: boolean;

  /** Set by pqrun's adapters: tells an executor from a driver's client, which has a `query` too. */
  readonly [EXECUTOR]?: true;
}

/** The key of the mark that {@link isExecutor} looks for; the same in every copy of pqrun. */
export const EXECUTOR: unique symbol = Symbol.for("pqrun.executor") as never;

/** Whether `value` is an executor of one of pqrun's adapters. */
export function isExecutor(value: unknown): value is SqlExecutor {
  return typeof value === "object" && value !== null && EXECUTOR in value;
}
