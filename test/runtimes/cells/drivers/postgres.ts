import { postgresExecutor, type PostgresTransaction } from "pqrun/postgres";
import postgres from "postgres";

import type { Driver } from "../place.ts";
import { emptied } from "../emptied.ts";

export const driver: Driver<PostgresTransaction> = ({ databaseUrl, directUrl = databaseUrl, lacks = {} }) => {
  return {
    lacks,
    open: async () => {
      const direct = postgres(directUrl, { max: 2, onnotice: () => undefined });
      const rival = await emptied(postgresExecutor(direct));
      // prepare: false is what a pooler in transaction mode needs.
      const sql = postgres(databaseUrl, { max: 6, prepare: false, onnotice: () => undefined });
      return {
        executor: postgresExecutor(sql),
        rival,
        begin: async (work) => {
          await sql.begin((tx) => work(tx));
        },
        close: async () => {
          await Promise.all([sql.end({ timeout: 0 }), direct.end({ timeout: 0 })]);
        },
      };
    },
  };
};
