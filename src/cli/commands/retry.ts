import { redrive } from "../../core/operations/redrive.ts";
import { actOnAll, ALL_OPTIONS, mayAct } from "../act-on-all.ts";
import { actOnIds, type IdAct } from "../act-on-ids.ts";
import { readArguments } from "../arguments.ts";
import type { Command } from "../command.ts";
import { CAREFUL_OPTIONS, QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { withStore } from "../queue.ts";

const OPTIONS = {
  "all-failed": { type: "boolean", help: "all that failed, or, with --type and --since, those of them" },
  "from-start": { type: "boolean", help: "forget the steps that they have remembered" },
  ...ALL_OPTIONS,
  ...CAREFUL_OPTIONS,
  ...QUEUE_OPTIONS,
} as const satisfies CliOptions;

const retrying = (fromStart: boolean | undefined): IdAct => ({
  done: "retried",
  from: ["FAILED"],
  act: async (store, id) => {
    const { retried, status, blockedBy } = await store.retry(id, { fromStart });
    const why = blockedBy === undefined ? {} : { why: `job ${blockedBy} has its dedupe key and is active` };
    return { done: retried, status, ...why };
  },
});

/** `pqrun retry`: FAILED jobs run again. */
export const retryCommand: Command = {
  name: "retry",
  summary: "have failed jobs run again",
  usage: `pqrun retry ID… [options]
pqrun retry --all-failed [--type T] [--since W] [options]`,
  about: `Makes FAILED jobs READY, their attempts beginning anew, behind the steps that they have
remembered, or from the start. Ends in 1 where a job is in another
state, or another job with its dedupe key is active; in 4 where there is no such job.
Without ids it counts first and asks, and takes a thousand a statement.`,
  options: OPTIONS,
  run: async (args, io) => {
    const { values, positionals } = readArguments(args, OPTIONS);
    const asked = mayAct(positionals, "all-failed", values["all-failed"], values);
    const fromStart = values["from-start"];
    const one = retrying(fromStart);
    const many: typeof redrive = (store, filter) => redrive(store, filter, { fromStart });
    return await withStore(io, values, (store) =>
      asked.ids === undefined
        ? actOnAll(io, store, values, { ...one, many, filter: asked.filter })
        : actOnIds(io, store, asked.ids, values, one),
    );
  },
};
