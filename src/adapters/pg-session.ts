import { EXECUTOR } from "../core/executor.ts";
import type { QueryOptions, SqlExecutor, SqlRow } from "../core/executor.ts";
import { endsSession, sqlState } from "../core/sql-state.ts";
import { orAbort, refuseAborted } from "./abort.ts";
import { lend } from "./pg-lend.ts";
import type { LentClient } from "./pg-lend.ts";
import type { PgPool, PgQuery, PgResult, PgTransaction, PgTypes } from "./pg-driver.ts";
import { isStale } from "./prepared-names.ts";
import type { PreparedNames } from "./prepared-names.ts";
import { severalStatements } from "./send.ts";

/** Text comes as text: its owner may have set a parser for that, too. */
const AS_TEXT: PgTypes = { getTypeParser: () => String };

/** One connection: its queries go one after the other, since `pg`'s own queue of them is to go. */
export class PgSession implements SqlExecutor {
  readonly [EXECUTOR] = true;
  readonly #client: PgTransaction;
  readonly #names: PreparedNames | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param names of the statements that the server is to keep. None in a transaction: a name that the server does not
   * know would fail it as a whole.
   */
  constructor(client: PgTransaction, names?: PreparedNames) {
    this.#client = client;
    this.#names = names;
  }

  /** Whether the connection's state is unknown: it must not be used again. */
  broken = false;

  async query(
    text: string,
    params: readonly unknown[] = [],
    options: QueryOptions = {},
  ): Promise<readonly SqlRow[]> {
    const { signal } = options;
    const result = await orAbort(this.#answer(text, params, options), signal, () => {
      this.broken = true;
    });
    if ("rows" in result) return detached(result);
    return severalStatements();
  }

  /** Runs a statement that concerns the session alone. */
  async command(text: string): Promise<void> {
    await this.#send({ text });
  }

  async #answer(
    text: string,
    params: readonly unknown[],
    { signal, own }: QueryOptions,
  ): ReturnType<PgTransaction["query"]> {
    const plain: PgQuery = { text, values: [...params], queryMode: "extended" };
    // An application's own SQL is of any number of texts, and its columns are read as its parsers say.
    if (own !== true) return await this.#send(plain, signal);
    const query = { ...plain, types: AS_TEXT };
    const names = this.#names;
    if (names === undefined) return await this.#send(query, signal);
    try {
      return await this.#send(named(query, names.nameOf(this.#client, text)), signal);
    } catch (error) {
      if (!isStale(error)) throw error;
    }
    // It was refused before it ran.
    names.forget(this.#client, text);
    return await this.#send(named(query, names.nameOf(this.#client, text)), signal);
  }

  #send(query: PgQuery, signal?: AbortSignal): ReturnType<PgTransaction["query"]> {
    const result = this.#last.then(() => {
      refuseAborted(signal);
      return this.#client.query(query);
    });
    this.#last = result.catch((error: unknown) => {
      // Not the server's word: the connection is lost, or (query_timeout) the query is still running.
      this.broken ||= sqlState(error) === undefined || endsSession(error);
    });
    return result;
  }
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

/** Has the pool lend a client to `work`, and destroys it afterwards where its state is unknown. */
export async function withSession<T>(
  pool: PgPool,
  names: PreparedNames | undefined,
  work: (session: PgSession) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  refuseAborted(signal);
  const lending = lend(pool);
  const lent = await orAbort(lending, signal, () => void lending.then(giveBack, () => undefined));
  const { client } = lent;
  const session = new PgSession(client, names);
  // The pool listens to idle clients only, and an error that nobody listens to ends the process.
  const lost = (): void => {
    session.broken = true;
  };
  client.on("error", lost);
  try {
    // It may have been given back already: the signal may fire between the lending and its being heard of.
    refuseAborted(signal);
    return await work(session);
  } finally {
    if (session.broken) lent.destroy();
    else giveBack(lent);
    client.removeListener("error", lost);
  }
}

function giveBack(lent: LentClient): void {
  lent.giveBack();
}
