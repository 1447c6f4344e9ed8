import { InvalidInputError } from "./errors.ts";

/**
 * One row: an object in column order. The core reads rows by position, since
 * drivers can be set to rename columns.
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

/** How a call of a store is to be made. */
export interface CallOptions {
  /**
   * Gives the call up. Where it fires before the statement is handed to the executor, nothing is written, and the call
   * throws the signal's reason. Once the statement may have been sent, a call that writes throws UnknownOutcomeError,
   * and the reason is its `cause`. The executor aborts the statement as the driver can; one that still waits for a
   * connection is never sent.
   */
  readonly signal?: AbortSignal | undefined;
}

/** What a LISTEN reports to its caller. */
export interface ListenCallbacks {
  /** Takes a message. Anybody who may NOTIFY wrote it. */
  readonly onNotify: (payload: string) => void;
  /** The session was lost or replaced, and listens again: what was sent meanwhile was not heard. */
  readonly onReopened: () => void;
  /**
   * The session has ended, and nothing is heard until {@link Listening.reopen}. Not called by a driver that opens it
   * anew by itself.
   *
   * @param clean whether the server ended it in order, as one does that restarts or goes to sleep
   */
  readonly onLost: (clean: boolean) => void;
}

/** A LISTEN under way. */
export interface Listening {
  /**
   * Opens a session anew, in place of one that was lost or that hears nothing, for all that share it. Rejects where
   * none can be had; the LISTEN stays, and can be reopened later.
   */
  reopen(): Promise<void>;
  /** Ends it. A second call does nothing. */
  stop(): Promise<void>;
}

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
   * LISTENs. All that listen through one pool or client share one session; nothing waits long for it, and none is taken
   * that statements can't do without. Absent where the driver has no such session.
   */
  listen?(channel: string, callbacks: ListenCallbacks): Promise<Listening>;

  /**
   * Whether a connection outlives the request that opened it. Only then may
   * concurrent enqueues share a statement: on Workers one request can't wait
   * for another's socket.
   *
   * @default false
   */
  readonly outlivesRequest?: boolean;

  /**
   * Set by pqrun's adapters, and by `executor` for one of your own: tells an executor from a driver's client and from an
   * ORM's manager, which have a `query` too.
   */
  readonly [EXECUTOR]: true;
}

/** The key of the mark that {@link isExecutor} looks for; the same in every copy of pqrun. */
export const EXECUTOR: unique symbol = Symbol.for("pqrun.executor") as never;

/** @throws InvalidInputError where `value` is no executor: most often a driver's pool, handed over as it is. */
export function checkExecutor(value: unknown): void {
  if (isExecutor(value)) return;
  throw new InvalidInputError("executor", "pgExecutor(pool), executor({ query }) …", value);
}

/** Whether `value` is an executor: of one of pqrun's adapters, or one that `executor` made. */
export function isExecutor(value: unknown): value is SqlExecutor {
  return typeof value === "object" && value !== null && EXECUTOR in value;
}
