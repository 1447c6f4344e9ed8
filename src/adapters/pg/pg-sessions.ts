import type { SqlExecutor } from "../../core/executor.ts";
import { orAbort, refuseAborted } from "../shared/abort.ts";
import { inTransaction } from "../shared/in-transaction.ts";
import { AbandonedSessions } from "./pg-abandoned.ts";
import { cancelOnServer } from "./pg-cancel.ts";
import type { PgPool } from "./pg-driver.ts";
import { lend } from "./checked-out-client.ts";
import type { LentClient } from "./checked-out-client.ts";
import { PgSession } from "./pg-session.ts";
import type { PreparedNames } from "../shared/prepared-names.ts";

/** Whose statements a session runs, and how. */
interface Lending {
  readonly names?: PreparedNames | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Of the only statement. */
  readonly text?: string;
}

/** The sessions that a pool lends, one statement or transaction at a time. */
export class PgSessions {
  readonly #pool: PgPool;
  readonly #abandoned: AbandonedSessions | undefined;

  /**
   * @param outlivesRequest whether connections do: where not, nobody is there to wait for the answer to a statement
   * that was given up, and its connection is closed at once
   */
  constructor(pool: PgPool, outlivesRequest: boolean) {
    this.#pool = pool;
    this.#abandoned = outlivesRequest ? new AbandonedSessions(pool) : undefined;
  }

  /** Has the pool lend a client to `work`, and closes its connection afterwards where its state is unknown. */
  async run<T>(work: (session: PgSession) => Promise<T>, { names, signal, text }: Lending): Promise<T> {
    refuseAborted(signal);
    const lent = await this.#lend(signal);
    const { client } = lent;
    const session = new PgSession(client, {
      names,
      cancel: () => cancelOnServer(client, this.#pool.options?.stream),
    });
    const sentAt = this.#abandoned?.count ?? 0;
    // The pool listens to idle clients only, and an error that nobody listens to ends the process.
    const lost = (): void => {
      session.lost = true;
    };
    client.on("error", lost);
    try {
      // It may have been given back already: the signal may fire between the lending and its being heard of.
      refuseAborted(signal);
      const done = await work(session);
      if (text !== undefined) this.#abandoned?.answered(text, sentAt);
      return done;
    } finally {
      if (session.lost) lent.destroy();
      else if (session.isAtServer && this.#abandoned !== undefined) this.#abandoned.keep(lent, text);
      else if (session.broken) lent.destroy();
      else this.#giveBack(lent);
      client.removeListener("error", lost);
    }
  }

  async #lend(signal: AbortSignal | undefined): Promise<LentClient> {
    for (;;) {
      const lending = lend(this.#pool);
      const lent = await orAbort(lending, signal, () => {
        lending.then(giveBack, () => undefined);
      });
      if (this.#abandoned?.suspects(lent.client) !== true) return lent;
      lent.destroy();
    }
  }

  #giveBack(lent: LentClient): void {
    this.#abandoned?.returned(lent.client);
    giveBack(lent);
  }

  /** As {@link SqlExecutor.transaction}. */
  transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    return this.run((session) => begin(session, work), {});
  }
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

function giveBack(lent: LentClient): void {
  lent.giveBack();
}
