import type { Listening, SqlExecutor } from "../../src/core/executor.ts";

const nothing = (): Promise<void> => Promise.resolve();

/** A LISTEN that has no session, and so hears nothing. */
export const DEAF: Listening = { reopen: nothing, stop: nothing };

/** LISTEN through a pooler: it succeeds and hears nothing. */
export const deaf = <Tx>(executor: SqlExecutor<Tx>): SqlExecutor<Tx> => ({
  ...executor,
  listen: () => Promise.resolve(DEAF),
});
