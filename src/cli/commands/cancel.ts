import { actOnIds, type IdAct } from "../act-on-ids.ts";
import { readArguments } from "../arguments.ts";
import type { Command } from "../command.ts";
import { CAREFUL_OPTIONS, QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { jobIds, withStore } from "../queue.ts";

const OPTIONS = {
  "dry-run": CAREFUL_OPTIONS["dry-run"],
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
  usage: "pqrun cancel ID… [options]",
  about: `Cancels READY and RUNNING jobs; the handler of a running one learns of it within some
seconds. Ends in 1 where a job has ended already, in 4 where there is no such job.`,
  options: OPTIONS,
  run: async (args, io) => {
    const { values, positionals } = readArguments(args, OPTIONS);
    const ids = jobIds(positionals);
    return await withStore(io, values, (store) => actOnIds(io, store, ids, values, CANCEL));
  },
};
