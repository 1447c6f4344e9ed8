import type { SqlExecutor, SqlStatement } from "../../core/executor.ts";
import { throughOrm } from "./through-orm.ts";

/** What Drizzle's `execute` takes: an `SQLWrapper`, as it calls it. */
export interface DrizzleQuery {
  getSQL(): never;
}

/** What pqrun calls of the `tx` that Drizzle's `transaction` hands over. */
export interface DrizzleTransaction {
  execute(query: DrizzleQuery): PromiseLike<unknown>;
  /** The database itself has none, and is in no transaction. */
  rollback(): never;
}

/**
 * The store's executor, so that `store.with(tx)` and `ctx.settleIn(tx, …)` take the transactions of Drizzle, over any
 * PostgreSQL driver of Drizzle's with interactive transactions. All else goes through `base`.
 *
 * ```ts
 * const store = new PgJobStore(withDrizzle(pgExecutor(pool)), { jobs });
 * await db.transaction(async (tx) => {
 *   await tx.insert(orders).values(order);
 *   await store.with(tx).enqueue("invoice", { orderId: order.id });
 * });
 * ```
 *
 * @throws InvalidInputError where `base` is no executor; and so does `store.with` for what is no transaction of Drizzle's.
 */
export function withDrizzle(base: SqlExecutor): SqlExecutor<DrizzleTransaction> {
  return throughOrm<DrizzleTransaction>(
    base,
    "the `tx` of Drizzle's `transaction`",
    (tx) => tx.execute && tx.rollback,
    async (tx, text, params) => {
      const result = await tx.execute(drizzleQuery(text, params));
      // Over postgres.js and Bun's SQL the rows themselves.
      return Array.isArray(result) ? result : (result as { readonly rows: unknown }).rows;
    },
  );
}

/**
 * A statement of `store.enqueueStatement` or `ctx.settleStatement` for Drizzle's `execute`, and so for the list of
 * `db.batch` over Neon HTTP, which has no interactive transactions.
 *
 * ```ts
 * await db.batch([
 *   db.insert(orders).values(order),
 *   db.execute(drizzleStatement(await store.enqueueStatement("invoice", { orderId: order.id }))),
 * ]);
 * ```
 */
export function drizzleStatement({ text, params }: SqlStatement): DrizzleQuery {
  return drizzleQuery(text, params);
}

/** As Drizzle's own `sql` is once it is built: its dialects ask no more of it, and leave the text as it is. */
function drizzleQuery(text: string, params: readonly unknown[]): DrizzleQuery {
  const query = { getSQL: () => query as never, toQuery: () => ({ sql: text, params, typings: [] }) };
  return query;
}
