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
      withinLimit(options.signal, (signal) => executor.query(text, params, { ...options, signal })),
  };
}

/** Sends something under its caller's own limit, or else under that of 20 s. */
export async function withinLimit<T>(
  own: AbortSignal | undefined,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (own !== undefined) return await send(own);
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(
      new Error(`no answer within ${REQUEST_LIMIT_MS} ms: was the client made by another request?`),
    );
  }, REQUEST_LIMIT_MS);
  try {
    return await send(limit.signal);
  } finally {
    clearTimeout(timer);
  }
}
