import { EXECUTOR } from "../core/executor.ts";
import type { SqlExecutor } from "../core/executor.ts";
import { inOrder, inTransaction } from "./in-transaction.ts";
import { socketsOutliveRequests } from "./outlives-request.ts";
import type { PgClient, PgPool, PgTransaction } from "./pg-driver.ts";
import { listenOnClient, listenOnPool } from "./pg-listen.ts";
import { PgSession, withSession } from "./pg-session.ts";
import { PreparedNames } from "./prepared-names.ts";

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
   * Lets the server keep the plans of pqrun's statements, by name, outside
   * transactions. Saves milliseconds of planning for each turn. A statement
   * that its session has lost (DISCARD ALL), or whose plan is out of date, is
   * prepared anew; leave it off behind a pooler in transaction mode, where
   * that is the rule.
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
  const names = options.prepare === true ? new PreparedNames() : undefined;
  const shared = {
    [EXECUTOR]: true,
    outlivesRequest: options.outlivesRequest ?? socketsOutliveRequests(),
    with: (tx: PgTransaction) => new PgSession(tx),
  } as const;
  return withinRequest(
    "totalCount" in driver
      ? { ...shared, ...ofPool(driver, names) }
      : { ...shared, ...ofClient(driver, names) },
  );
}

function ofPool(pool: PgPool, names: PreparedNames | undefined): SqlExecutor {
  const transaction = <T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> =>
    withSession(pool, undefined, (session) => begin(session, work));
  return {
    query: (text, params, options = {}) =>
      withSession(pool, names, (session) => session.query(text, params, options), options.signal),
    batch: (statements) => transaction((tx) => inOrder(tx, statements)),
    transaction,
    // Of a pool of one it would take the only connection, for good.
    ...(pool.options?.max === 1 ? {} : { listen: listenOnPool(pool) }),
  };
}

function ofClient(client: PgClient, names: PreparedNames | undefined): SqlExecutor {
  const session = new PgSession(client, names);
  return {
    query: (text, params, options) => session.query(text, params, options),
    listen: listenOnClient(client, session),
  };
}

async function begin<T>(session: PgSession, work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
  await session.command("BEGIN");
  let result: T;
  try {
    result = await inTransaction((text, params, options) => session.query(text, params, options), work);
  } catch (error) {
    await session.command("ROLLBACK").catch(() => {
      session.broken = true;
    });
    throw error;
  }
  await session.command("COMMIT");
  return result;
}
