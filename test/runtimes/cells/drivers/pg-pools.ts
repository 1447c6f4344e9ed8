import type { Subject } from "pqrun/conformance";
import { pgExecutor, type PgPool, type PgTransaction } from "pqrun/pg";

import { emptied } from "../emptied.ts";
import { inPgTransaction } from "../in-pg-transaction.ts";

/** A Pool of `pg`, or Neon's, which is made after it. */
type Pool = PgPool & { end(): Promise<void> };

/** Opens a subject: one pool to be proven, and a rival beside it. */
export async function openPools(pool: () => Pool, directPool: () => Pool): Promise<Subject<PgTransaction>> {
  const direct = directPool();
  const rival = await emptied(pgExecutor(direct));
  const proven = pool();
  return {
    executor: pgExecutor(proven),
    rival,
    begin: async (work) => {
      const client = await proven.connect();
      await inPgTransaction(client, work).finally(() => {
        client.release();
      });
    },
    close: async () => {
      await Promise.all([proven.end(), direct.end()]);
    },
  };
}
