import { EXECUTOR } from "../core/executor.ts";
import type { SqlExecutor, SqlRow, SqlStatement } from "../core/executor.ts";
import { orAbort, refuseAborted } from "./shared/abort.ts";
import { limited, withinRequest } from "./shared/request-timeout.ts";

/** What pqrun calls of the function that `neon()` of `@neondatabase/serverless` returns. */
export interface NeonHttp<Q> {
  transaction(
    list: (tx: { query(text: string, params: unknown[]): Q }) => Q[],
    options: NeonBatchOptions,
  ): Promise<readonly unknown[]>;
}

/** How pqrun has Neon run a list of statements. */
export interface NeonBatchOptions {
  readonly isolationLevel: "ReadCommitted";
  readonly arrayMode: false;
  readonly fullResults: false;
  readonly fetchOptions?: { readonly signal: AbortSignal };
}

/**
 * Speaks to Neon over HTTP: one request for each statement or batch, and no
 * connection that would outlive it. An aborted statement is cancelled, and one
 * whose caller sets no limit is aborted after 20 s. Instead of interactive
 * transactions there are lists: `store.enqueueStatement`,
 * `store.settleStatement` and `batch`.
 *
 * ```ts
 * const store = new PgJobStore(neonExecutor(neon(env.DATABASE_URL)));
 * ```
 */
export function neonExecutor<Q>(sql: NeonHttp<Q>): SqlExecutor {
  const send = async (
    statements: readonly SqlStatement[],
    signal?: AbortSignal,
  ): Promise<readonly SqlRow[][]> => {
    refuseAborted(signal);
    // Overrides what `neon()` was told; a statement alone could not choose its isolation level.
    const options: NeonBatchOptions = {
      isolationLevel: "ReadCommitted",
      arrayMode: false,
      fullResults: false,
    };
    const answers = sql.transaction(
      (tx) => statements.map(({ text, params }) => tx.query(text, [...params])),
      signal === undefined ? options : { ...options, fetchOptions: { signal } },
    );
    return (await orAbort(answers, signal)) as readonly SqlRow[][];
  };
  return withinRequest({
    query: async (text, params = [], { signal } = {}) => {
      const [rows] = await send([{ text, params: params as (string | null)[] }], signal);
      return rows ?? [];
    },
    batch: (statements) => limited((signal) => send(statements, signal)),
    outlivesRequest: false,
    [EXECUTOR]: true,
  });
}
