import { isReadOnly } from "../core/sql-state.ts";
import type { PostgresClient, PostgresTransaction } from "./postgres-driver.ts";
import { readValues } from "./postgres-rows.ts";
import type { ReadRows } from "./postgres-rows.ts";
import type { Send } from "./send.ts";

/** A value that PostgreSQL takes for no parameter (22021). To have the driver itself refuse would break its queue. */
const REFUSED = "\0";

/** How a session's statements are sent. */
export interface PostgresSenderOptions {
  /** Reads pqrun's own rows. */
  readonly read: ReadRows;
  /** Whether the server keeps pqrun's own statements. Not in a transaction: a name that it lost would fail it as a whole. */
  readonly prepare?: boolean;
}

/** Sends statements as the driver does. */
export function postgresSender(
  session: PostgresTransaction,
  { read, prepare = false }: PostgresSenderOptions,
): Send {
  return async (text, params, { signal, own = false }) => {
    // An application's own SQL may have whatever parameters the driver takes.
    const args = [...params] as (string | null)[];
    // As values, which a change of columns' names leaves alone; not simple, or one text could hold several statements.
    const query = session.unsafe(text, args, { ...NOT_PIPELINED, prepare: prepare && own, simple: false });
    const onAbort = (): void => {
      // The driver reads them when it sends. What still waits for a connection must not be carried out when one is
      // there again, long after its caller has given it up.
      args.fill(REFUSED);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await (own ? read(query) : readValues(query));
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  };
}

/**
 * Tells the driver that more must not be sent on this connection before the answer is there. What it sends on one that
 * is just breaking it forgets: neither answered nor rejected, that hangs for ever. The driver knows this option, by which
 * its own `begin` keeps a connection to itself, but its types don't; a test shows that it is heeded.
 */
const NOT_PIPELINED = { onexecute: (): boolean => false };

/**
 * Ends a session that is read-only: after a failover it would be lent again for good. The driver lends whichever it
 * likes, so the statement looks where it is.
 */
const LEAVE_READ_ONLY = `SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())
  WHERE pg_catalog.current_setting('transaction_read_only') = 'on'`;

/** As `send`, leaving a session that turns out to be read-only. */
export function leavingReadOnly(sql: PostgresClient, send: Send): Send {
  return async (text, params, options) => {
    try {
      return await send(text, params, options);
    } catch (error) {
      // What comes of it is told by the next statement.
      if (isReadOnly(error))
        sql
          .unsafe(LEAVE_READ_ONLY, [], { ...NOT_PIPELINED, prepare: false, simple: false })
          .values()
          .catch(() => undefined);
      throw error;
    }
  };
}
