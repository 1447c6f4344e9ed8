/** Rows as arrays, and what the columns are called; null where the statement has none. */
export interface PostgresValues extends ReadonlyArray<readonly unknown[]> {
  readonly columns?: readonly { readonly name: string }[] | null;
}

/** One query of postgres.js: sent when it is waited for. */
export interface PostgresQuery {
  /** Rows as arrays of what the client's owner makes of values. */
  values(): Promise<PostgresValues>;
  /** Rows as arrays of bytes. */
  raw(): Promise<PostgresValues>;
}

/** What pqrun calls of postgres.js to send a statement. */
export interface PostgresSession {
  unsafe(
    text: string,
    params: (string | null)[],
    options: { readonly prepare: boolean; readonly simple: boolean },
  ): PostgresQuery;
}

/**
 * What pqrun calls of postgres.js inside a transaction of its owner's: the `sql` of `begin`, or a reserved one. Not the
 * client itself, which has neither of these members, and is in no transaction.
 */
export type PostgresTransaction = PostgresSession &
  ({ readonly savepoint: unknown } | { readonly release: unknown });

/** What pqrun calls of postgres.js. */
export interface PostgresClient extends PostgresSession {
  /** How its owner has values and rows written and read. */
  readonly options?: PostgresClientOptions;
  begin<T>(work: (sql: PostgresTransaction) => Promise<T>): Promise<unknown>;
  listen(
    channel: string,
    onNotify: (payload: string) => void,
    onListen: () => void,
  ): Promise<{ unlisten(): Promise<unknown> }>;
}

/** What pqrun reads of a client's options, as the driver keeps them. */
export interface PostgresClientOptions {
  readonly transform?: {
    readonly value?: { readonly from?: unknown };
    readonly row?: { readonly from?: unknown };
  };
  /** By the number of the type. */
  readonly parsers?: Readonly<Record<number, unknown>>;
  readonly serializers?: Readonly<Record<number, unknown>>;
}
