import { cancelMany } from "../../core/operations/cancel-many.ts";
import { actOnAll, ALL_OPTIONS, mayAct } from "../act-on-all.ts";
import { actOnIds, type IdAct } from "../act-on-ids.ts";
import { readArguments } from "../arguments.ts";
import type { Command } from "../command.ts";
import { CAREFUL_OPTIONS, QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { withStore } from "../queue.ts";

const OPTIONS = {
  "all-ready": { type: "boolean", help: "all that wait, or, with --type and --since, those of them" },
  ...ALL_OPTIONS,
  ...CAREFUL_OPTIONS,
  ...QUEUE_OPTIONS,
} as const satisfies CliOptions;

const CANCEL: IdAct = {
  done: "cancelled",
  from: ["READY", "RUNNING"],
  act: async (store, id) => {
    const { cancelled, status } = await store.cancel(id);
    return { done: cancelled, status };
  },
};

/** `pqrun cancel`: jobs that are not to run, or not to go on. */
export const cancelCommand: Command = {
  name: "cancel",
  summary: "cancel jobs that wait or run",
  usage: `pqrun cancel ID… [options]
pqrun cancel --all-ready [--type T] [--since W] [options]`,
  about: `Cancels READY and RUNNING jobs; the handler of a running one learns of it within some
seconds. Ends in 1 where a job has ended already, in 4 where there is no such job. Without
ids it cancels READY jobs alone, counts first and asks, and takes a thousand a statement.`,
  options: OPTIONS,
  run: async (args, io) => {
    const { values, positionals } = readArguments(args, OPTIONS);
    const asked = mayAct(positionals, "all-ready", values["all-ready"], values);
    return await withStore(io, values, (store) =>
      asked.ids === undefined
        ? actOnAll(io, store, values, { ...CANCEL, many: cancelMany, from: ["READY"], filter: asked.filter })
        : actOnIds(io, store, asked.ids, values, CANCEL),
    );
  },
};
