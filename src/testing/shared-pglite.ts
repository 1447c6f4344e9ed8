import type * as PgliteModule from "@electric-sql/pglite";

import { pgliteExecutor } from "../adapters/pglite.ts";
import type { Pglite, PgliteTransaction } from "../adapters/pglite.ts";
import type { SqlExecutor } from "../core/executor.ts";
import { clearTimeout, setTimeout } from "../runners/timers.ts";

/** What the process keeps. */
interface Shared {
  readonly executor: SqlExecutor<PgliteTransaction>;
}

/** The same in every copy of this module: a test runner loads it anew for each file, and PGlite takes seconds to start. */
const SHARED = Symbol.for("pqrun.testing.pglite");
const globals = globalThis as { [SHARED]?: Promise<Shared> | undefined };

/** How long a statement waits for a transaction that is open before it says so, in milliseconds: below most test runners' limit. */
const PATIENCE_MS = 4_000;

/**
 * The executor of the PGlite that all queues of this process share. Started by the first call.
 *
 * @throws Error where PGlite is not installed, with the command that installs it.
 */
export async function sharedPglite(): Promise<SqlExecutor<PgliteTransaction>> {
  const starting = (globals[SHARED] ??= start());
  try {
    return (await starting).executor;
  } catch (error) {
    globals[SHARED] = undefined;
    throw error;
  }
}

async function start(): Promise<Shared> {
  const { PGlite } = await load();
  const pglite: Pglite = await PGlite.create();
  return { executor: watched(pglite) };
}

async function load(): Promise<typeof PgliteModule> {
  try {
    return await import("@electric-sql/pglite");
  } catch (cause) {
    throw new Error(
      "testQueue runs on PGlite, which can't be loaded: `npm install --save-dev @electric-sql/pglite`, or hand over an `executor` of your own PostgreSQL",
      { cause },
    );
  }
}

/**
 * PGlite has one session: a statement that does not go through an open transaction waits for its end, and where the
 * transaction waits for that statement, both wait for ever. A test would end with its runner's "timed out"; so it ends
 * with the reason.
 */
function watched(pglite: Pglite): SqlExecutor<PgliteTransaction> {
  let open = 0;
  const transaction = pglite.transaction.bind(pglite);
  // On the object itself: an ORM that is given this PGlite opens its transactions here, too.
  pglite.transaction = (work) =>
    transaction(async (tx) => {
      open += 1;
      try {
        return await work(tx);
      } finally {
        open -= 1;
      }
    });
  const executor = pgliteExecutor(pglite);
  return {
    ...executor,
    query: async (text, params, options) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const stuck = new Promise<never>((_, reject) => {
        const look = (): void => {
          if (open > 0)
            reject(
              new Error("PGlite has one session, in a transaction just now: use store.with(tx) inside it"),
            );
          else timer = setTimeout(look, PATIENCE_MS);
        };
        timer = setTimeout(look, PATIENCE_MS);
      });
      try {
        return await Promise.race([executor.query(text, params, options), stuck]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
