import type { SqlExecutor } from "../../core/executor.ts";
import { throughOrm } from "./through-orm.ts";

/** A compiled query of Kysely's, of a text as it is. */
export interface KyselyQuery {
  readonly query: {
    readonly kind: "RawNode";
    readonly sqlFragments: readonly string[];
    readonly parameters: readonly never[];
  };
  readonly queryId: { readonly queryId: string };
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** What pqrun calls of the `trx` that Kysely's `transaction().execute` hands over, or of a controlled transaction. */
export interface KyselyTransaction {
  executeQuery(query: KyselyQuery): Promise<{ readonly rows: readonly unknown[] }>;
  /** False of the database itself. */
  readonly isTransaction: true;
}

/**
 * The store's executor, so that `store.with(trx)` and `ctx.settleIn(trx, …)` take the transactions of Kysely. All else
 * goes through `base`.
 *
 * ```ts
 * const store = new PgJobStore(withKysely(pgExecutor(pool)), { jobs });
 * await db.transaction().execute(async (trx) => {
 *   await trx.insertInto("orders").values(order).execute();
 *   await store.with(trx).enqueue("invoice", { orderId: order.id });
 * });
 * ```
 *
 * @throws InvalidInputError where `base` is no executor; and so does `store.with` for what is no transaction of Kysely's.
 */
export function withKysely(base: SqlExecutor): SqlExecutor<KyselyTransaction> {
  return throughOrm<KyselyTransaction>(
    base,
    "the `trx` of Kysely's `transaction().execute`",
    (trx) => trx.executeQuery && trx.isTransaction,
    async (trx, sql, parameters) => {
      const query = { kind: "RawNode", sqlFragments: [sql], parameters: [] } as const;
      return (await trx.executeQuery({ query, queryId: { queryId: "pqrun" }, sql, parameters })).rows;
    },
  );
}
