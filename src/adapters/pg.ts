import { EXECUTOR } from "../core/executor.ts";
import type { SqlExecutor } from "../core/executor.ts";
import { inOrder, inTransaction } from "./in-transaction.ts";
import { socketsOutliveRequests } from "./outlives-request.ts";
import type { PgClient, PgPool, PgQuery, PgTransaction } from "./pg-driver.ts";
import { listenOnClient, listenOnPool } from "./pg-listen.ts";
import { PgSession, withSession } from "./pg-session.ts";
import type { PgPrepare } from "./pg-session.ts";
import { preparedName } from "./prepared-name.ts";

export type {
  PgClient,
  PgNotification,
  PgPool,
  PgPoolClient,
  PgQuery,
  PgResult,
  PgTransaction,
} from "./pg-driver.ts";
import { withinRequest } from "./within-request.ts";

/** Options of {@link pgExecutor}. */
export interface PgOptions {
  /**
   * Lets the server keep the plans of pqrun's statements, by name. Saves
   * milliseconds of planning for each turn; leave it off behind a pooler in
   * transaction mode (PgBouncer before 1.21 fails with 42P05).
   *
   * @default false
   */
  readonly prepare?: boolean | undefined;

  /**
   * Whether the connections outlive the request that opened them. Where not, a statement whose caller sets no
   * limit is aborted after 20 s: a connection that an earlier request has left behind never answers.
   *
   * @default true, but false on Cloudflare's Workers
   */
  readonly outlivesRequest?: boolean | undefined;
}

/** An application's own SQL may be of any number of texts, and each name is kept by the server for good. */
const MAX_PREPARED = 100;

/**
 * Speaks through a Pool of `pg` or of `@neondatabase/serverless` (WebSocket), or
 * through one connected Client.
 *
 * Of a Pool, all that LISTEN keep one client between them for as long (there is no `listen` where the
 * pool has but one), and an aborted statement's connection is destroyed. Over a Client there is no `transaction`, since
 * anybody's statement would be part of it: its owner does BEGIN and uses
 * `store.with(client)`. A statement aborted there goes on running, and `listen`
 * is refused behind a pooler.
 *
 * ```ts
 * const store = new PgJobStore(pgExecutor(new Pool({ connectionString })));
 * ```
 */
export function pgExecutor(driver: PgPool | PgClient, options: PgOptions = {}): SqlExecutor<PgTransaction> {
  const prepare = preparing(options.prepare ?? false);
  const shared = {
    [EXECUTOR]: true,
    outlivesRequest: options.outlivesRequest ?? socketsOutliveRequests(),
    with: (tx: PgTransaction) => new PgSession(tx, prepare),
  } as const;
  return withinRequest(
    "totalCount" in driver
      ? { ...shared, ...ofPool(driver, prepare) }
      : { ...shared, ...ofClient(driver, prepare) },
  );
}

function ofPool(pool: PgPool, prepare: PgPrepare): SqlExecutor {
  const transaction = <T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> =>
    withSession(pool, prepare, (session) => begin(session, work));
  return {
    query: (text, params, { signal } = {}) =>
      withSession(pool, prepare, (session) => session.query(text, params, { signal }), signal),
    batch: (statements) => transaction((tx) => inOrder(tx, statements)),
    transaction,
    // Of a pool of one it would take the only connection, for good.
    ...(pool.options?.max === 1 ? {} : { listen: listenOnPool(pool) }),
  };
}

function ofClient(client: PgClient, prepare: PgPrepare): SqlExecutor {
  const session = new PgSession(client, prepare);
  return {
    query: (text, params, options) => session.query(text, params, options),
    listen: listenOnClient(client, session),
  };
}

async function begin<T>(session: PgSession, work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
  await session.command("BEGIN");
  let result: T;
  try {
    result = await inTransaction((text, params) => session.query(text, params), work);
  } catch (error) {
    await session.command("ROLLBACK").catch(() => {
      session.broken = true;
    });
    throw error;
  }
  await session.command("COMMIT");
  return result;
}

function preparing(named: boolean): PgPrepare {
  const names = new Map<string, string>();
  return (text, params) => {
    const query: PgQuery = { text, values: [...params], queryMode: "extended" };
    if (!named) return query;
    // The name derives from the text: executors that share a connection must not share names.
    const name = names.get(text) ?? (names.size < MAX_PREPARED ? preparedName(text) : undefined);
    if (name === undefined) return query;
    names.set(text, name);
    return { ...query, name };
  };
}
