import { InvalidInputError } from "../../core/errors.ts";
import { checkExecutor } from "../../core/executor.ts";
import type { SqlExecutor, SqlRow } from "../../core/executor.ts";
import { executor } from "../../core/make-executor.ts";

/**
 * `base`, whose `with` takes an ORM's transaction. None can abort a statement: one that is sent is waited for, whatever
 * its signal says then.
 *
 * @param expected what a caller should have passed, in words
 * @param isOpen whether that is what came, rather than the ORM's own pool: both have the same methods
 * @param send runs one statement, and resolves to its rows
 * @throws InvalidInputError where `base` is no executor.
 */
export function throughOrm<Tx>(
  base: SqlExecutor,
  expected: string,
  isOpen: (tx: Partial<Tx>) => unknown,
  send: (tx: Tx, text: string, params: readonly unknown[]) => Promise<unknown>,
): SqlExecutor<Tx> {
  checkExecutor(base);
  return {
    ...base,
    with: (tx) => {
      if (!isOpen(tx ?? {})) throw new InvalidInputError("tx", expected, tx);
      return executor({
        query: async (text, params = [], options) => {
          options?.signal?.throwIfAborted();
          return (await send(tx, text, params)) as SqlRow[];
        },
      });
    },
  };
}
