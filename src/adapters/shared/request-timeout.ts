import type { SqlExecutor } from "../../core/executor.ts";

/** How long a statement may go without an answer where its caller sets no limit, in milliseconds. */
const REQUEST_LIMIT_MS = 20_000;

/**
 * Where no connection outlives its request, one that a request before has left
 * in a client at module level never answers, and its driver doesn't know; nor
 * does a fetch end by itself. So that no request hangs, a statement is aborted
 * there after 20 s, which tells a pool to let go of that connection.
 */
export function withinRequest<Tx>(executor: SqlExecutor<Tx>): SqlExecutor<Tx> {
  if (executor.outlivesRequest === true) return executor;
  return {
    ...executor,
    query: (text, params, options = {}) =>
      options.signal === undefined
        ? limited((signal) => executor.query(text, params, { ...options, signal }))
        : executor.query(text, params, options),
  };
}

/** Does `work` with a signal that fires after 20 s. */
export async function limited<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(
      new Error(`no answer within ${REQUEST_LIMIT_MS} ms: was the client made by another request?`),
    );
  }, REQUEST_LIMIT_MS);
  try {
    return await work(limit.signal);
  } finally {
    clearTimeout(timer);
  }
}
