import type { SqlExecutor } from "../../core/executor.ts";
import { throughOrm } from "./through-orm.ts";

/** What pqrun calls of the client that Prisma's interactive `$transaction` hands over. */
export interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...params: unknown[]): PromiseLike<unknown>;
  /** Prisma's client itself has one, and is in no transaction. */
  readonly $connect?: never;
}

/**
 * The store's executor, so that `store.with(tx)` and `ctx.settleIn(tx, …)` take the interactive transactions of Prisma's
 * client, which end after five seconds unless told otherwise. All else goes through `base`.
 *
 * ```ts
 * const store = new PgJobStore(withPrisma(pgExecutor(pool)), { jobs });
 * await prisma.$transaction(async (tx) => {
 *   await tx.order.create({ data: order });
 *   await store.with(tx).enqueue("invoice", { orderId: order.id });
 * });
 * ```
 *
 * @throws InvalidInputError where `base` is no executor; and so does `store.with` for what is no transaction of Prisma's.
 */
export function withPrisma(base: SqlExecutor): SqlExecutor<PrismaTransaction> {
  return throughOrm<PrismaTransaction>(
    base,
    "the `tx` of Prisma's `$transaction`",
    // Prisma itself refuses each statement once it is over.
    (tx) => tx.$queryRawUnsafe && !tx.$connect,
    async (tx, text, params) => await tx.$queryRawUnsafe(text, ...params),
  );
}
