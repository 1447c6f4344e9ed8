import type { SqlExecutor } from "../../core/executor.ts";
import { throughOrm } from "./through-orm.ts";

/** What pqrun calls of the `trx` that the `transaction` of Knex hands over, or of Objection. */
export interface KnexTransaction {
  raw(sql: string, bindings: never): PromiseLike<unknown>;
  /** Knex itself has none, and is in no transaction. */
  isCompleted(): boolean;
}

/**
 * The store's executor, so that `store.with(trx)` and `ctx.settleIn(trx, …)` take the transactions of Knex, and those of
 * Objection, which are the same. All else goes through `base`.
 *
 * ```ts
 * const store = new PgJobStore(withKnex(pgExecutor(pool)), { jobs });
 * await knex.transaction(async (trx) => {
 *   await trx("orders").insert(order);
 *   await store.with(trx).enqueue("invoice", { orderId: order.id });
 * });
 * ```
 *
 * @throws InvalidInputError where `base` is no executor; and so does `store.with` for what is no open transaction of Knex's.
 */
export function withKnex(base: SqlExecutor): SqlExecutor<KnexTransaction> {
  return throughOrm<KnexTransaction>(
    base,
    "the open `trx` of the `transaction` of Knex",
    (trx) => trx.raw && trx.isCompleted?.() === false,
    async (trx, text, params) => {
      const bindings: unknown[] = [];
      const sql = text.replace(PIECES, (piece: string, number?: string) => {
        if (number === undefined) return piece.replaceAll("?", "\\?");
        bindings.push(params[Number(number) - 1]);
        return "?";
      });
      return ((await trx.raw(sql, bindings as never)) as { readonly rows: unknown }).rows;
    },
  );
}

/** What Knex would take for a placeholder, a parameter, and where neither is one: comments, names and texts. */
const PIECES = /--.*|"[^"]*"|'[^']*'|\$(\d+)|\?/g;
