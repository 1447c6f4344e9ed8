import { EXECUTOR } from "../../core/executor.ts";
import type { SqlExecutor } from "../../core/executor.ts";
import { checkDriver, refuseOutside } from "../shared/check-driver.ts";
import { inOrder } from "../shared/in-transaction.ts";
import { socketsOutliveRequests } from "../shared/outlives-request.ts";
import type { PgClient, PgPool, PgTransaction } from "./pg-driver.ts";
import { listenOnClient, listenOnPool } from "./pg-listen.ts";
import { cancelOnServer } from "./pg-cancel.ts";
import { PgSession } from "./pg-session.ts";
import { PgSessions } from "./pg-sessions.ts";
import { PreparedNames } from "../shared/prepared-names.ts";

export type {
  PgClient,
  PgNotification,
  PgPool,
  PgPoolClient,
  PgQuery,
  PgResult,
  PgTransaction,
} from "./pg-driver.ts";
import { hearErrors } from "./unheard-errors.ts";
import { withinRequest } from "../shared/request-timeout.ts";
import type { Logger } from "../../core/logger.ts";
import { checkOptions } from "../../core/values/known-options.ts";

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

  /**
   * Is warned of idle connections that the server has ended, at most once a minute, unless somebody else listens for
   * the `error` events of the pool or client: without a listener such an event ends the process. `false` says nothing.
   *
   * @default the console
   */
  readonly logger?: Logger | false | undefined;
}

const OPTIONS = { prepare: true, outlivesRequest: true, logger: true } as const satisfies Record<
  keyof PgOptions,
  true
>;

/**
 * Speaks through a Pool of `pg` or of `@neondatabase/serverless` (WebSocket), or
 * through one connected Client.
 *
 * Of a Pool, all that LISTEN keep one client between them for as long (there is no `listen` where the
 * pool has but one). Over a Client there is no `transaction`, since anybody's
 * statement would be part of it: its owner does BEGIN and uses
 * `store.with(client)`; and `listen` is refused behind a pooler.
 *
 * An aborted statement is cancelled on the server. Until that has answered it,
 * its connection keeps its place in the pool, and is closed then; so however
 * long the server is held up, the pool's `max` is the most sessions that it
 * has. What waits behind one over a Client goes on once it is answered; a
 * statement that the Client's owner sends in that very moment may be hit
 * (57014).
 *
 * ```ts
 * const store = new PgJobStore(pgExecutor(new Pool({ connectionString })));
 * ```
 *
 * @throws InvalidInputError for anything else, such as a URL, and for an option that is none; and so does `store.with` for what is no client.
 */
export function pgExecutor(driver: PgPool | PgClient, options: PgOptions = {}): SqlExecutor<PgTransaction> {
  // A URL above all, which must not be printed.
  checkDriver("driver", driver, ["connect"], "a Pool or a connected Client of `pg`");
  checkOptions(options, OPTIONS);
  const names = options.prepare === true ? new PreparedNames() : undefined;
  const shared = {
    [EXECUTOR]: true,
    outlivesRequest: options.outlivesRequest ?? socketsOutliveRequests(),
    with: (tx: PgTransaction) => new PgSession(inTransaction(tx)),
  } as const;
  const what = "totalCount" in driver ? "an idle connection" : "the connection";
  hearErrors(driver, what, options.logger);
  return withinRequest(
    isPool(driver)
      ? { ...shared, ...ofPool(driver, names, shared.outlivesRequest) }
      : { ...shared, ...ofClient(driver, names) },
  );
}

function isPool(driver: PgPool | PgClient): driver is PgPool {
  return "totalCount" in driver;
}

const IN_TRANSACTION = "a client of `pg` in a transaction (not its pool), or executor({ query })";

/** A pool would lend each statement a client of its own. */
function inTransaction(tx: PgTransaction): PgTransaction {
  checkDriver("tx", tx, ["query", "on"], IN_TRANSACTION);
  refuseOutside(tx, "totalCount", IN_TRANSACTION);
  return tx;
}

/** What a pool and a client have of their own. */
type Own = Omit<SqlExecutor, typeof EXECUTOR>;

function ofPool(pool: PgPool, names: PreparedNames | undefined, outlivesRequest: boolean): Own {
  const sessions = new PgSessions(pool, outlivesRequest);
  return {
    query: (text, params, options = {}) =>
      sessions.run((session) => session.query(text, params, options), {
        names,
        signal: options.signal,
        text,
      }),
    batch: (statements) => sessions.transaction((tx) => inOrder(tx, statements)),
    transaction: (work) => sessions.transaction(work),
    // Of a pool of one it would take the only connection, for good.
    ...(pool.options?.max === 1 ? {} : { listen: listenOnPool(pool) }),
  };
}

function ofClient(client: PgClient, names: PreparedNames | undefined): Own {
  const session = new PgSession(client, { names, cancel: () => cancelOnServer(client) });
  return {
    query: (text, params, options) => session.query(text, params, options),
    listen: listenOnClient(client, session),
  };
}
