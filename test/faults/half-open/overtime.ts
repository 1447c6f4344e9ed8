import type { SqlExecutor } from "../../../src/core/executor.ts";

/** How long each statement went on after its caller's deadline: none may outlast it by much. */
export class Overtime {
  /** Milliseconds, of those statements whose signal was aborted. */
  readonly ms: number[] = [];
  /** How many have not settled. */
  open = 0;

  readonly between = (executor: SqlExecutor): SqlExecutor => ({
    ...executor,
    query: async (text, params, options = {}) => {
      let abortedAt: number | undefined;
      options.signal?.addEventListener("abort", () => (abortedAt = performance.now()));
      this.open += 1;
      try {
        return await executor.query(text, params, options);
      } finally {
        this.open -= 1;
        if (abortedAt !== undefined) this.ms.push(performance.now() - abortedAt);
      }
    },
  });
}
