import { FINISHED_STATUSES, type PruneOptions } from "../../core/operations/prune-rules.ts";
import type { PgJobStore } from "../../core/store.ts";
import { readOptions } from "../arguments.ts";
import { EXIT, UsageError, type CliIo, type Command } from "../command.ts";
import { tableOf } from "../environment.ts";
import { jobConditions } from "../job-filter.ts";
import { spanSeconds } from "../moments.ts";
import { countOldJobs } from "../old-jobs.ts";
import { CAREFUL_OPTIONS, QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { withStore } from "../queue.ts";
import { confirmed } from "../terminal/confirm.ts";
import { counted } from "../terminal/counted.ts";
import { printable, printableJson } from "../terminal/printable.ts";
import { tableTitle } from "../terminal/table-title.ts";

/** A prune that finds nothing has looked at a sample only: how many in a row may find nothing. */
const MOST_MISSES = 20;

const OPTIONS = {
  "older-than": { type: "string", value: "W", help: "jobs that ended longer ago: 30d, 12h; required" },
  status: {
    ...{ type: "string", value: "S,…", values: FINISHED_STATUSES, multiple: true },
    help: "of these states (default: done, failed, cancelled)",
  },
  type: { type: "string", value: "T,…", multiple: true, help: "only jobs of these types" },
  ...CAREFUL_OPTIONS,
  ...QUEUE_OPTIONS,
} as const satisfies CliOptions;

/** `pqrun prune`: deletes what ended long ago. */
export const pruneCommand: Command = {
  name: "prune",
  summary: "delete jobs that ended long ago",
  usage: "pqrun prune --older-than W [options]",
  about: `Counts the finished jobs that are old, asks, and deletes them, a thousand a statement.
A job that a foreign key holds stays.`,
  options: OPTIONS,
  run: async (args, io) => {
    const options = readOptions(args, OPTIONS);
    const { "older-than": span, yes, json, "dry-run": dryRun = false } = options;
    if (span === undefined) throw new UsageError("prune wants --older-than");
    const { types, ...asked } = jobConditions({ status: options.status, type: options.type });
    const statuses = finished(asked.statuses);
    const which = { olderThanSeconds: spanSeconds("older-than", span), statuses, types };
    return await withStore(io, options, async (store) => {
      const matched = await countOldJobs(store, which, io.signal);
      const jobs = counted(matched, `${(statuses ?? FINISHED_STATUSES).join(", ")} job`);
      const ofTypes = types === undefined ? "" : ` of type ${types.map(printable).join(", ")}`;
      const question = `Delete ${jobs}${ofTypes} of ${tableTitle(tableOf(io, options))} that ended more than ${span} ago?`;
      if (!dryRun && matched > 0 && !(await confirmed(io, question, yes))) return EXIT.failed;
      const deleted = dryRun ? 0 : await deleteAll(store, which, matched, io);
      const text = dryRun
        ? `${counted(matched, "job")} would be deleted`
        : `${counted(deleted, "job")} deleted`;
      io.stdout.write(json === true ? `${printableJson({ matched, deleted, dryRun })}\n` : `${text}\n`);
      return EXIT.done;
    });
  },
};

async function deleteAll(
  store: PgJobStore,
  which: PruneOptions,
  matched: number,
  { signal, stderr }: CliIo,
): Promise<number> {
  let deleted = 0;
  for (let misses = 0; deleted < matched && misses < MOST_MISSES;) {
    signal.throwIfAborted();
    const pruned = await store.prune(which, { signal });
    deleted += pruned.deleted;
    misses = pruned.deleted === 0 ? misses + 1 : 0;
  }
  if (deleted < matched) {
    stderr.write(
      `${counted(matched - deleted, "job")} left: held by a foreign key or a lock, or deleted by somebody else\n`,
    );
  }
  return deleted;
}

function finished(statuses: readonly string[] | undefined): PruneOptions["statuses"] {
  const known = FINISHED_STATUSES.filter((status) => statuses?.includes(status) === true);
  if (statuses === undefined) return undefined;
  if (known.length > 0 && known.length === new Set(statuses).size) return known;
  throw new UsageError(`--status: only ${FINISHED_STATUSES.join(", ")} jobs have ended`);
}
