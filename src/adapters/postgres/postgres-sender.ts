import { isReadOnly, notSent } from "../../core/sql/sql-state.ts";
import type { PostgresClient, PostgresQuery, PostgresSession } from "./postgres-driver.ts";
import { readValues } from "./postgres-rows.ts";
import type { ReadRows } from "./postgres-rows.ts";
import type { Send } from "../shared/executor-over.ts";
import { onceTurned } from "../shared/once-turned.ts";

/** A value that PostgreSQL takes for no parameter (22021). To have the driver itself refuse would break its queue. */
const REFUSED = "\0";

/** How a session's statements are sent. */
export interface PostgresSenderOptions {
  /** Reads pqrun's own rows. */
  readonly read: ReadRows;
  /** Whether the server keeps pqrun's own statements. Not in a transaction: a name that it lost would fail it as a whole. */
  readonly prepare?: boolean;
  /** Whether what is aborted is cancelled on the server. Not in a transaction, whose next statement it might meet. */
  readonly cancels?: boolean;
}

/** Sends statements as the driver does. */
export function postgresSender(
  session: PostgresSession,
  { read, prepare = false, cancels = false }: PostgresSenderOptions,
): Send {
  return async (text, params, { signal, own = false }) => {
    // An application's own SQL may have whatever parameters the driver takes.
    const args = [...params] as (string | null)[];
    // As values, which a change of columns' names leaves alone; not simple, or one text could hold several statements.
    const query = session.unsafe(text, args, { ...NOT_PIPELINED, prepare: prepare && own, simple: false });
    let stopCancelling: (() => void) | undefined;
    const onAbort = (): void => {
      // The driver reads them when it sends. What still waits for a connection must not be carried out when one is
      // there again, long after its caller has given it up.
      args.fill(REFUSED);
      if (cancels) stopCancelling = cancelUntilAnswered(query);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await (own ? read(query) : readValues(query));
    } catch (error) {
      // When a server goes, many connections close in the same turn of the event loop. What is sent in that turn on one
      // whose turn to close is yet to come, as a caller does who sends again at once, breaks it for good: the driver
      // (3.4.9, `closed`) clears the timer of its buffered write, but goes on taking it for set, and never writes again.
      await onceTurned();
      // Whatever failed: a connection, or the driver's own end.
      throw (query as Sent).state === null ? notSent(error, isDriversEnd(error)) : error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      stopCancelling?.();
    }
  };
}

function isDriversEnd(error: unknown): boolean {
  return (error as { readonly code?: unknown } | null)?.code === "CONNECTION_ENDED";
}

/**
 * Tells the driver that more must not be sent on this connection before the answer is there. What it sends on one that
 * is just breaking it forgets: neither answered nor rejected, that hangs for ever. The driver knows this option, by which
 * its own `begin` keeps a connection to itself, but its types don't; a test shows that it is heeded.
 */
const NOT_PIPELINED = { onexecute: (): boolean => false };

/** What the driver keeps of a query beyond its types. */
interface Sent {
  /** Null until it is given to a connection that is open. */
  readonly state?: unknown;
  /** Whether it has been sent, and not been answered. */
  readonly active?: unknown;
  readonly canceller?: unknown;
}

/** After how long a request to cancel is sent again, in milliseconds: doubling, from the first to the last. */
const CANCEL_AGAIN_MS = [1_000, 30_000] as const;

/**
 * Asks again, since a request may be lost, and the query be sent only later: for a connection that was not open yet.
 *
 * @returns what ends it
 */
function cancelUntilAnswered(query: PostgresQuery): () => void {
  const [firstMs, lastMs] = CANCEL_AGAIN_MS;
  let pauseMs: number = firstMs;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = (): void => {
    cancelOnServer(query);
    timer = setTimeout(ask, pauseMs);
    pauseMs = Math.min(2 * pauseMs, lastMs);
  };
  ask();
  return () => {
    clearTimeout(timer);
  };
}

/**
 * Has the driver ask the server to end the query. Not by its `cancel`: that drops the request's promise, which rejects
 * where the server can't be reached, and a rejection that nobody hears ends a process. And only what has been sent: to
 * cancel what a connection is just being opened for loses that connection.
 *
 * The driver lends the connection again as soon as the query is answered, so a request that is late may meet the next
 * statement on it, which is then refused (57014). That takes an answer within the milliseconds that the request takes.
 */
function cancelOnServer(query: PostgresQuery): void {
  const { active, canceller } = query as Sent;
  if (active !== true || typeof canceller !== "function") return;
  (canceller as (query: PostgresQuery) => Promise<unknown>)(query).catch(() => undefined);
}

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
