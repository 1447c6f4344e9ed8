import { PGlite } from "@electric-sql/pglite";
import { migrate } from "pqrun/migrate";
import { pgliteExecutor, type PgliteTransaction } from "pqrun/pglite";

import type { Driver } from "../place.ts";
import { emptied } from "../emptied.ts";

/** Seconds to start, so once; not before the first test, since listing tests needs none. */
let started: Promise<PGlite> | undefined;

async function start(): Promise<PGlite> {
  const pglite = await PGlite.create();
  await migrate(pgliteExecutor(pglite));
  return pglite;
}

export const driver: Driver<PgliteTransaction> = ({ lacks = {} }) => {
  return {
    lacks: {
      rival: "PGlite is one session",
      abort: "a statement runs to its end before anything else in the process",
      reconnect: "PGlite is one session",
      ...lacks,
    },
    open: async () => {
      const pglite = await (started ??= start());
      const executor = pgliteExecutor(pglite);
      await emptied(executor);
      return { executor, begin: (work) => pglite.transaction(work), close: () => Promise.resolve() };
    },
  };
};
