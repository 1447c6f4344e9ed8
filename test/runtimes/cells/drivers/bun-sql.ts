import { bunExecutor, type BunSql, type BunTransaction } from "pqrun/bun";

import type { Driver } from "../place.ts";
import { emptied } from "../emptied.ts";

/** As much of Bun as this cell uses; Node's types are the ones that are loaded. */
declare const Bun: {
  readonly SQL: new (
    url: string,
    options: { readonly max: number },
  ) => BunSql & { close(options: { readonly timeout: number }): Promise<void> };
};

export const driver: Driver<BunTransaction> = ({ databaseUrl, lacks = {} }) => {
  return {
    lacks: { extended: "a text without parameters goes by the simple protocol", ...lacks },
    open: async () => {
      const direct = new Bun.SQL(databaseUrl, { max: 2 });
      const rival = await emptied(bunExecutor(direct));
      const sql = new Bun.SQL(databaseUrl, { max: 6 });
      return {
        executor: bunExecutor(sql),
        rival,
        begin: async (work) => {
          await sql.begin((tx) => work(tx));
        },
        close: async () => {
          await Promise.all([sql.close({ timeout: 0 }), direct.close({ timeout: 0 })]);
        },
      };
    },
  };
};
