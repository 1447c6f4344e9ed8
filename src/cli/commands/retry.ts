import { isPqrunError } from "../../core/errors.ts";
import { actOnIds, type IdAct } from "../act-on-ids.ts";
import { readArguments } from "../arguments.ts";
import type { Command } from "../command.ts";
import { CAREFUL_OPTIONS, QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { jobIds, withStore } from "../queue.ts";

const OPTIONS = {
  "dry-run": CAREFUL_OPTIONS["dry-run"],
  ...QUEUE_OPTIONS,
} as const satisfies CliOptions;

const RETRY: IdAct = {
  done: "retried",
  from: ["FAILED"],
  act: async (store, id) => {
    try {
      const { retried, status } = await store.retry(id);
      return { done: retried, status };
    } catch (error) {
      if (!isPqrunError(error, "dedupe-conflict")) throw error;
      return { done: false, status: "FAILED", why: "another job with its dedupe key is active" };
    }
  },
};

/** `pqrun retry`: FAILED jobs run again. */
export const retryCommand: Command = {
  name: "retry",
  summary: "have failed jobs run again",
  usage: "pqrun retry ID… [options]",
  about: `Makes FAILED jobs READY, their attempts beginning anew. Ends in 1 where a job is in another
state, or another job with its dedupe key is active; in 4 where there is no such job.`,
  options: OPTIONS,
  run: async (args, io) => {
    const { values, positionals } = readArguments(args, OPTIONS);
    const ids = jobIds(positionals);
    return await withStore(io, values, (store) => actOnIds(io, store, ids, values, RETRY));
  },
};
