import type { SqlExecutor, SqlRow, SqlStatement } from "../../core/executor.ts";
import { senderOf } from "./executor-over.ts";
import type { Send } from "./executor-over.ts";

/**
 * Runs `work` between the BEGIN and the COMMIT of a driver: rejects, so that the
 * driver rolls back, where `work` does, and where a statement failed although
 * `work` caught its error. PostgreSQL answers such a COMMIT with a rollback,
 * and drivers don't report it. `send` keeps the order of statements sent at once.
 */
export async function inTransaction<T>(send: Send, work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
  let ended = false;
  let failure: { readonly error: unknown } | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const tx = senderOf((text, params, options) => {
    // A driver would run it on its own, or in the next transaction of that connection.
    if (ended) throw new Error("the transaction has ended: its executor can't be used any more");
    const rows = send(text, params, options);
    last = rows.catch((error: unknown) => {
      failure ??= { error };
    });
    return rows;
  });
  try {
    const result = await work(tx);
    await last;
    if (failure !== undefined) await refuseFailed(send, failure.error);
    return result;
  } finally {
    ended = true;
  }
}

/** Statements as a batch in a transaction: each is sent without waiting for the one before. */
export function inOrder(
  tx: SqlExecutor,
  statements: readonly SqlStatement[],
): Promise<(readonly SqlRow[])[]> {
  return Promise.all(statements.map(({ text, params }) => tx.query(text, params)));
}

/** A savepoint may have mended it: only the server knows. */
async function refuseFailed(send: Send, cause: unknown): Promise<void> {
  try {
    await send("SELECT 1", [], {});
  } catch {
    throw new Error("the transaction was rolled back: a statement in it had failed", { cause });
  }
}
