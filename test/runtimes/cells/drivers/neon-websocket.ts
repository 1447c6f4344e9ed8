import { neonConfig, Pool } from "@neondatabase/serverless";
import { pgExecutor, type PgTransaction } from "pqrun/pg";

import { inPgTransaction } from "../in-pg-transaction.ts";
import type { Driver } from "../place.ts";
import { emptied } from "../emptied.ts";

export const driver: Driver<PgTransaction> = ({ databaseUrl, neonWsProxy, lacks = {} }) => {
  neonConfig.wsProxy = neonWsProxy;
  neonConfig.useSecureWebSocket = false;
  neonConfig.pipelineConnect = false;
  return {
    lacks: { extended: "the pg inside it has no queryMode", ...lacks },
    open: async () => {
      const direct = new Pool({ connectionString: databaseUrl, max: 2 });
      const rival = await emptied(pgExecutor(direct));
      const pool = new Pool({ connectionString: databaseUrl, max: 6 });
      return {
        executor: pgExecutor(pool),
        rival,
        begin: async (work) => {
          const client = await pool.connect();
          await inPgTransaction(client, work).finally(() => {
            client.release();
          });
        },
        close: async () => {
          await Promise.all([pool.end(), direct.end()]);
        },
      };
    },
  };
};
