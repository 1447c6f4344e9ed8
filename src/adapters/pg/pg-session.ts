import { EXECUTOR } from "../../core/executor.ts";
import type { QueryOptions, SqlExecutor, SqlRow } from "../../core/executor.ts";
import { endsSession, notSent, sqlState } from "../../core/sql/sql-state.ts";
import { orAbort, refuseAborted } from "../shared/abort.ts";
import type { PgQuery, PgResult, PgTransaction, PgTypes } from "./pg-driver.ts";
import { isStale } from "../shared/prepared-names.ts";
import type { PreparedNames } from "../shared/prepared-names.ts";
import { severalStatements } from "../shared/executor-over.ts";

/** Text comes as text: its owner may have set a parser for that, too. */
const AS_TEXT: PgTypes = { getTypeParser: () => String };

/** What a session may do beside sending. */
export interface PgSessionOptions {
  /**
   * Of the statements that the server is to keep. None in a transaction: a name that the server does not know would
   * fail it as a whole.
   */
  readonly names?: PreparedNames | undefined;
  /** Has the server end what the session runs. Resolves when the request for that is over, heeded or not. */
  readonly cancel?: (() => Promise<void>) | undefined;
}

/** One connection: its queries go one after the other, since `pg`'s own queue of them is to go. */
export class PgSession implements SqlExecutor {
  readonly [EXECUTOR] = true;
  readonly #client: PgTransaction;
  readonly #options: PgSessionOptions;
  #last: Promise<unknown> = Promise.resolve();
  /** The one that has been sent and not been answered. */
  #atServer: QueryOptions | undefined;

  constructor(client: PgTransaction, options: PgSessionOptions = {}) {
    this.#client = client;
    this.#options = options;
  }

  /** Whether the connection's state is unknown: it must not be used again. */
  broken = false;
  /** Whether the connection has ended. */
  lost = false;

  /** Whether the server may still be at work on a statement of the session's. */
  get isAtServer(): boolean {
    return this.#atServer !== undefined;
  }

  async query(
    text: string,
    params: readonly unknown[] = [],
    options: QueryOptions = {},
  ): Promise<readonly SqlRow[]> {
    const result = await orAbort(this.#answer(text, params, options), options.signal, () => {
      if (this.#atServer === options) this.#abandon();
    });
    if ("rows" in result) return detached(result);
    return severalStatements();
  }

  /** Runs a statement that concerns the session alone. */
  async command(text: string): Promise<void> {
    await this.#send({ text }, {});
  }

  /** The next statement waits for the request too, which would else hit it. */
  #abandon(): void {
    this.broken = true;
    const { cancel } = this.#options;
    if (cancel !== undefined) this.#last = Promise.all([this.#last, cancel()]);
  }

  async #answer(
    text: string,
    params: readonly unknown[],
    options: QueryOptions,
  ): ReturnType<PgTransaction["query"]> {
    const plain: PgQuery = { text, values: [...params], queryMode: "extended" };
    // An application's own SQL is of any number of texts, and its columns are read as its parsers say.
    if (options.own !== true) return await this.#send(plain, options);
    const query = { ...plain, types: AS_TEXT };
    const { names } = this.#options;
    if (names === undefined) return await this.#send(query, options);
    try {
      return await this.#send(named(query, names.nameOf(this.#client, text)), options);
    } catch (error) {
      if (!isStale(error)) throw error;
    }
    // It was refused before it ran.
    names.forget(this.#client, text);
    return await this.#send(named(query, names.nameOf(this.#client, text)), options);
  }

  #send(query: PgQuery, options: QueryOptions): ReturnType<PgTransaction["query"]> {
    let leaves = true;
    const result = this.#last.then(() => {
      refuseAborted(options.signal);
      this.#atServer = options;
      leaves = !isClosed(this.#client);
      return this.#client.query(query);
    });
    this.#last = result.then(
      () => {
        this.#atServer = undefined;
      },
      (error: unknown) => {
        if (this.#atServer !== options) return;
        if (!leaves || !wasConnected(this.#client)) notSent(error, wasEnded(this.#client));
        // Not the server's word: the connection is lost, or (query_timeout) the query is still running.
        const answered = sqlState(error) !== undefined;
        if (answered) this.#atServer = undefined;
        this.broken ||= !answered || endsSession(error);
      },
    );
    return result;
  }
}

/** What a `pg` client keeps of its connection. */
interface ClientState {
  readonly _connected?: unknown;
  readonly _ending?: unknown;
  readonly _queryable?: unknown;
}

/** Whether the client's owner has ended it, or its connection is lost: it refuses what it is given, and sends nothing. */
function isClosed(client: object): boolean {
  return wasEnded(client) || (client as ClientState)._queryable === false;
}

function wasEnded(client: object): boolean {
  return (client as ClientState)._ending === true;
}

/** A client that never was keeps its statements for a connection that did not come. */
function wasConnected(client: object): boolean {
  return (client as ClientState)._connected !== false;
}

function named(query: PgQuery, name: string | undefined): PgQuery {
  return name === undefined ? query : { ...query, name };
}

/**
 * Takes the rows out of the driver's result, which `pg`'s query keeps, and which would outlive them: `pg` writes a
 * query's callback where it assigns it (`query.callback = …`), and such a function V8 makes as old, so that all it refers
 * to stays until the whole heap is collected (measured: every row of every pick-up did).
 */
function detached(result: PgResult): readonly SqlRow[] {
  const { rows } = result;
  result.rows = [];
  return rows;
}
