import type { SqlRow } from "../../core/executor.ts";

/** One query as `pg` takes it. */
export interface PgQuery {
  readonly text: string;
  readonly values?: unknown[];
  readonly name?: string;
  /** Keeps `pg` 8.12 and later from the simple protocol, in which one text may hold several statements. */
  readonly queryMode?: "extended";
  /** Reads the columns, instead of the parsers that the client's owner has set. */
  readonly types?: PgTypes;
}

/** How `pg` reads columns. */
export interface PgTypes {
  getTypeParser(): (text: unknown) => unknown;
}

/** What pqrun reads of a query's result; there is a list of them where a text held several statements. */
export interface PgResult {
  /** Taken out by who reads them. */
  rows: readonly SqlRow[];
}

/** What pqrun calls of a `pg` client that is in a transaction of its owner's. */
export interface PgTransaction {
  query(query: PgQuery): Promise<PgResult | readonly PgResult[]>;
  on(event: "error", listener: (error: Error) => void): unknown;
  /** A pool has it, and is in no transaction. */
  readonly totalCount?: never;
}

/** A message that was heard. */
export interface PgNotification {
  readonly channel: string;
  readonly payload?: string | undefined;
}

/** What pqrun calls of a `pg` Client. */
export interface PgClient extends PgTransaction {
  /** The session's process, as told by what the client is connected to. */
  readonly processID?: number | null;
  on(event: "notification", listener: (message: PgNotification) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end" | "drain", listener: () => void): unknown;
  removeListener(event: "notification", listener: (message: PgNotification) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  listenerCount?(event: "error"): number;
}

/** A client that a pool lent. */
export interface PgPoolClient extends PgClient {
  removeAllListeners(event: "error"): unknown;
  /** @param destroy closes the connection instead of keeping it */
  release(destroy?: boolean): void;
}

/** What pqrun calls of a `pg` Pool, or of Neon's, which speaks through WebSockets. */
export interface PgPool {
  connect(): Promise<PgPoolClient>;
  /** Tells of idle clients whose connection was lost. */
  on?(event: "error", listener: (error: Error) => void): unknown;
  listenerCount?(event: "error"): number;
  readonly totalCount: number;
  /** How many wait for a connection. */
  readonly waitingCount?: number;
  /** The most connections that it opens, and how it opens one where that is not by host and port. */
  readonly options?: { readonly max?: number | undefined; readonly stream?: unknown };
  /** Whether `end` was called. */
  readonly ending?: boolean;
}
