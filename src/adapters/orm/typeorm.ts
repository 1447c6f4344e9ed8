import type { SqlExecutor } from "../../core/executor.ts";
import { throughOrm } from "./through-orm.ts";

/** What pqrun calls of the EntityManager that TypeORM's `transaction` hands over. */
export interface TypeOrmManager {
  query(text: string, params: unknown[]): Promise<unknown>;
  /** A driver's pool has a `query` too, and no such method. */
  readonly transaction: unknown;
  /** The manager of the data source has none, and is in no transaction. */
  readonly queryRunner?: { readonly isTransactionActive: boolean } | undefined;
}

/**
 * The store's executor, so that `store.with(manager)` and `ctx.settleIn(manager, …)` take the EntityManager of a
 * transaction of TypeORM's, or `queryRunner.manager` after `startTransaction()`. All else goes through `base`.
 *
 * ```ts
 * const store = new PgJobStore(withTypeOrm(pgExecutor(pool)), { jobs });
 * await dataSource.transaction(async (manager) => {
 *   await manager.save(order);
 *   await store.with(manager).enqueue("invoice", { orderId: order.id });
 * });
 * ```
 *
 * @throws InvalidInputError where `base` is no executor; and so does `store.with` for a manager without a transaction.
 */
export function withTypeOrm(base: SqlExecutor): SqlExecutor<TypeOrmManager> {
  return throughOrm<TypeOrmManager>(
    base,
    "the EntityManager of a TypeORM transaction",
    (manager) => manager.query && manager.queryRunner?.isTransactionActive,
    async (manager, text, params) => {
      const result = await manager.query(text, [...params]);
      // Of an UPDATE or DELETE of the application's own: the rows, and how many.
      return Array.isArray(result) && Array.isArray(result[0]) ? (result[0] as unknown) : result;
    },
  );
}
