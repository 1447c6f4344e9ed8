import { EXECUTOR } from "../core/executor.ts";
import type { SqlExecutor, SqlRow } from "../core/executor.ts";
import { orAbort, refuseAborted } from "./abort.ts";

/** Sends one statement as a driver does; what is aborted before that need not be sent any more. */
export type Send = (
  text: string,
  params: readonly unknown[],
  signal?: AbortSignal,
) => Promise<readonly SqlRow[]>;

/** Without parameters some drivers run a text of several statements, and answer a list of lists. */
export function severalStatements(): never {
  throw new Error("a text of several statements: this driver has run them all");
}

/** What an executor is at the least. */
export type Sender = Pick<SqlExecutor, "query" | typeof EXECUTOR>;

/** An executor over a driver that can't cancel: an aborted statement is not waited for, but goes on. */
export function senderOf(send: Send): Sender {
  return {
    query: async (text, params = [], { signal } = {}) => {
      refuseAborted(signal);
      return await orAbort(send(text, params, signal), signal);
    },
    [EXECUTOR]: true,
  };
}
