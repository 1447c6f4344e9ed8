import type { SqlStatement } from "../../src/core/executor.ts";
import type { SessionOptions } from "./queue.ts";

type Between = NonNullable<SessionOptions["between"]>;

/** Notes each statement that is sent. */
export function noting(sent: SqlStatement[]): Between {
  return (executor) => ({
    ...executor,
    query: (text, params = [], options = {}) => {
      sent.push({ text, params: params as (string | null)[] });
      return executor.query(text, params, options);
    },
  });
}

/** Notes what the server refuses before the store hears of it. */
export function notingErrors(errors: unknown[]): Between {
  return (executor) => ({
    ...executor,
    query: async (...args) => {
      try {
        return await executor.query(...args);
      } catch (error) {
        errors.push(error);
        throw error;
      }
    },
  });
}

/** Comes before and after each statement: `around` has to send it. */
export function around(work: <T>(send: () => Promise<T>) => Promise<T>): Between {
  return (executor) => ({
    ...executor,
    query: (...args) => work(() => executor.query(...args)),
  });
}
