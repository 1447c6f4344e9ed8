import type { SqlExecutor } from "../../../src/core/executor.ts";

/** Whether statements go on after their caller's deadline: in a silence that would be for as long as it lasts. */
export class Overtime {
  /** How many statements were aborted. */
  aborted = 0;
  /** How many of them have not settled. */
  late = 0;
  /** How many of all have not settled. */
  open = 0;

  readonly between = (executor: SqlExecutor): SqlExecutor => ({
    ...executor,
    query: async (text, params, options = {}) => {
      const statement = { aborted: false };
      options.signal?.addEventListener("abort", () => {
        statement.aborted = true;
        this.aborted += 1;
        this.late += 1;
      });
      this.open += 1;
      try {
        return await executor.query(text, params, options);
      } finally {
        this.open -= 1;
        if (statement.aborted) this.late -= 1;
      }
    },
  });
}
