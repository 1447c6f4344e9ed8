import { notSent } from "../../core/sql/sql-state.ts";
import type { PgPool, PgPoolClient } from "./pg-driver.ts";

/** A client that a pool has lent. It is given back, or destroyed, once: a second time it may be lent to somebody else. */
export class LentClient {
  readonly client: PgPoolClient;
  /** Of this lending: the pool puts another one into the client's place with the next. */
  #release: PgPoolClient["release"] | undefined;

  constructor(client: PgPoolClient) {
    this.client = client;
    this.#release = client.release.bind(client);
  }

  giveBack(): void {
    this.#end();
  }

  /** Closes the connection for good. What it still has to say is nobody's: the pool would pass it on, and end a process. */
  destroy(): void {
    if (!this.#end(true)) return;
    this.client.removeAllListeners("error");
    this.client.on("error", () => undefined);
  }

  #end(destroy?: boolean): boolean {
    const release = this.#release;
    this.#release = undefined;
    release?.(destroy);
    return release !== undefined;
  }
}

/** Borrows a client of the pool. Where none is to be had, nothing was sent. */
export async function lend(pool: PgPool): Promise<LentClient> {
  try {
    return new LentClient(await pool.connect());
  } catch (error) {
    throw notSent(error, pool.ending === true);
  }
}
