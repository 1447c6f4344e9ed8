import { EXECUTOR } from "../../core/executor.ts";
import type { QueryOptions, SqlExecutor, SqlRow } from "../../core/executor.ts";
import { orAbort, refuseAborted } from "./abort.ts";

/** Sends one statement as a driver does; what is aborted before that need not be sent any more. */
export type Send = (
  text: string,
  params: readonly unknown[],
  options: QueryOptions,
) => Promise<readonly SqlRow[]>;

/** Without parameters some drivers run a text of several statements, and return a list of lists. */
export function severalStatements(): never {
  throw new Error("a text of several statements: this driver has run them all");
}

/** What an executor is at the least. */
export type Sender = Pick<SqlExecutor, "query" | typeof EXECUTOR>;

/** An executor of which an aborted statement is not waited for, whatever `send` makes of its signal. */
export function senderOf(send: Send): Sender {
  return {
    query: async (text, params = [], options = {}) => {
      refuseAborted(options.signal);
      return await orAbort(send(text, params, options), options.signal);
    },
    [EXECUTOR]: true,
  };
}
