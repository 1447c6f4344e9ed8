import { InvalidInputError } from "./errors.ts";
import { EXECUTOR } from "./executor.ts";
import type { QueryOptions, SqlExecutor, SqlRow } from "./executor.ts";

/** What {@link executor} makes an executor of: the members of one, in a plain object. */
export type ExecutorMembers<Tx = never> = Omit<SqlExecutor<Tx>, typeof EXECUTOR> & {
  /** A driver's pool or client is none: its `query` returns something else. */
  readonly connect?: never;
  /** Nor is an ORM's manager, whose `transaction` is another. */
  readonly queryRunner?: never;
};

/**
 * Makes an executor of your own: for a driver that pqrun has no adapter for, or for the transaction of an ORM. Only
 * `query` is required. Wrap a `query` rejection in `notSent` where the statement certainly never left: an enqueue that
 * fails otherwise, without an SQLSTATE that proves a rollback, throws `UnknownOutcomeError`.
 *
 * ```ts
 * await db.transaction().execute((trx) =>
 *   store.with(executor({
 *     query: async (text, params = []) => (await trx.executeQuery(CompiledQuery.raw(text, [...params]))).rows as SqlRow[],
 *   })).enqueue("welcome", { userId: 1 }),
 * );
 * ```
 *
 * @throws InvalidInputError for what is no plain object with a `query`: a pool, a client, a manager, undefined.
 */
export function executor<Tx = never>(members: ExecutorMembers<Tx>): SqlExecutor<Tx> {
  const given: unknown = members;
  if (!isPlain(given) || typeof given["query"] !== "function") {
    throw new InvalidInputError("executor", "a plain object with a `query` that resolves to rows", given);
  }
  const query = async (
    text: string,
    params?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<readonly SqlRow[]> => {
    const rows: unknown = await members.query(text, params, options);
    // Sent it is by now: the caller of an enqueue gets UnknownOutcomeError, and not that nothing was written.
    if (!Array.isArray(rows))
      throw new TypeError("the executor's `query` resolved to something else than a list of rows");
    return rows as readonly SqlRow[];
  };
  return { ...members, query, [EXECUTOR]: true };
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
