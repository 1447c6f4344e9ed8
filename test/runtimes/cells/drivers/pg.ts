import { Pool } from "pg";
import { pgExecutor } from "pqrun/pg";

import { inPgTransaction } from "../in-pg-transaction.ts";
import type { Driver } from "../place.ts";
import { emptied, prove } from "../prove.ts";

export const driver: Driver = ({ databaseUrl, directUrl = databaseUrl, lacks = {} }, test, print) => {
  prove({
    test,
    print,
    lacks,
    open: async () => {
      const direct = new Pool({ connectionString: directUrl, max: 2 });
      const rival = await emptied(pgExecutor(direct));
      const pool = new Pool({ connectionString: databaseUrl, max: 6 });
      return {
        executor: pgExecutor(pool),
        rival,
        begin: async (work) => {
          const client = await pool.connect();
          await inPgTransaction(client, work).finally(() => client.release());
        },
        close: async () => {
          await Promise.all([pool.end(), direct.end()]);
        },
      };
    },
  });
};
