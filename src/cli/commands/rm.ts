import { deleteMany } from "../../core/operations/delete-many.ts";
import { FINISHED_STATUSES } from "../../core/operations/prune-rules.ts";
import { actOnIds, type IdAct } from "../act-on-ids.ts";
import { readArguments } from "../arguments.ts";
import { EXIT, type Command } from "../command.ts";
import { tableOf } from "../environment.ts";
import { CAREFUL_OPTIONS, QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { jobIds, withStore } from "../queue.ts";
import { confirmed } from "../terminal/confirm.ts";
import { counted } from "../terminal/counted.ts";
import { tableTitle } from "../terminal/table-title.ts";

const OPTIONS = { ...CAREFUL_OPTIONS, ...QUEUE_OPTIONS } as const satisfies CliOptions;

const REMOVE: IdAct = {
  done: "deleted",
  from: FINISHED_STATUSES,
  act: async (store, id) => {
    const job = await store.get(id);
    if (job === null) return { done: false, status: null };
    if (!FINISHED_STATUSES.some((status) => status === job.status))
      return { done: false, status: job.status };
    const { done, leftOut } = await deleteMany(store, { ids: [id], statuses: FINISHED_STATUSES });
    if (done > 0) return { done: true, status: job.status };
    const why = leftOut[0]?.why === "held" ? "a foreign key holds it" : "another transaction has it";
    return { done: false, status: job.status, why };
  },
};

/** `pqrun rm`: deletes single jobs that have ended. */
export const rmCommand: Command = {
  name: "rm",
  summary: "delete single jobs that have ended",
  usage: "pqrun rm ID… [options]",
  about: `Deletes DONE, FAILED and CANCELLED jobs by their ids, after it asked; what waits or runs is
cancelled first (pqrun cancel). Ends in 1 where a job has not ended or a foreign key holds
it, in 4 where there is no such job. What ended long ago is for pqrun prune.`,
  options: OPTIONS,
  run: async (args, io) => {
    const { values, positionals } = readArguments(args, OPTIONS);
    const ids = jobIds(positionals);
    const question = `Delete ${counted(ids.length, "job")} of ${tableTitle(tableOf(io, values))}?`;
    if (values["dry-run"] !== true && !(await confirmed(io, question, values.yes))) return EXIT.failed;
    return await withStore(io, values, (store) => actOnIds(io, store, ids, values, REMOVE));
  },
};
