import type { JobStatus } from "../core/job.ts";
import { countMatching } from "../core/operations/count-matching.ts";
import type { BulkAnswer, LeftOut } from "../core/sql/bulk-act.ts";
import type { JobFilter } from "../core/sql/matching-jobs.ts";
import type { PgJobStore } from "../core/store.ts";
import { EXIT, UsageError, type CliIo } from "./command.ts";
import { FILTER_OPTIONS, jobConditions } from "./job-filter.ts";
import type { CliOptions } from "./options.ts";
import { jobIds } from "./queue.ts";
import { confirmed } from "./terminal/confirm.ts";
import { printable, printableJson } from "./terminal/printable.ts";

/** The options by which an act on many jobs says which. */
export const ALL_OPTIONS = {
  type: FILTER_OPTIONS.type,
  since: FILTER_OPTIONS.since,
} as const satisfies CliOptions;

interface Which {
  readonly type?: readonly string[] | undefined;
  readonly since?: string | undefined;
}

/** What is done to all jobs that a filter finds. */
interface AllAct {
  /** What they have become: `retried`. */
  readonly done: string;
  readonly from: readonly JobStatus[];
  readonly filter: JobFilter;
  readonly many: (store: PgJobStore, filter: JobFilter) => Promise<BulkAnswer>;
}

interface Asked {
  readonly json?: boolean | undefined;
  readonly yes?: boolean | undefined;
  readonly "dry-run"?: boolean | undefined;
}

/** Most jobs whose names are kept of those that were left out. */
const MOST_LEFT_OUT = 1_000;

/** Ids, or a filter where `--all-…` asks for it: never the one by a mistake about the other. @throws UsageError */
export function mayAct(
  positionals: readonly string[],
  option: string,
  all: boolean | undefined,
  which: Which,
):
  | { readonly ids: readonly string[]; readonly filter?: undefined }
  | { readonly ids?: undefined; readonly filter: JobFilter } {
  if (all === true) {
    if (positionals.length > 0) throw new UsageError(`either ids or --${option}`);
    return { filter: jobConditions(which) };
  }
  if (which.type !== undefined || which.since !== undefined) {
    throw new UsageError(`--type and --since want --${option} beside them`);
  }
  return { ids: jobIds(positionals) };
}

/** Counts, asks, and acts until nothing is left. */
export async function actOnAll(
  io: CliIo,
  store: PgJobStore,
  { json, yes, "dry-run": dryRun = false }: Asked,
  { done: verb, from, filter, many }: AllAct,
): Promise<number> {
  const conditions = { ...filter, statuses: from };
  const { count: matched, next } = await countMatching(store, conditions);
  const complete = next === null;
  const number = `${complete ? "" : "at least "}${matched.toLocaleString("en")} ${from.join(", ")} jobs`;
  const types = filter.types === undefined ? "" : ` of ${filter.types.map(printable).join(", ")}`;
  const none = matched === 0 && complete;
  if (!dryRun && !none && !(await confirmed(io, `${number}${types} are to be ${verb}.`, yes)))
    return EXIT.failed;
  const { done, leftOut } =
    dryRun || none ? { done: 0, leftOut: [] } : await actToTheEnd(io, store, conditions, many);
  for (const { id, why, blockedBy } of leftOut) {
    io.stderr.write(`job ${id} is left out: ${blockedBy === null ? why : `job ${blockedBy} has its key`}\n`);
  }
  const text = dryRun ? `${number}${types} would be ${verb}` : `${done} ${verb}`;
  const result = { matched, complete, [verb]: done, leftOut, dryRun };
  io.stdout.write(json === true ? `${printableJson(result)}\n` : `${text}\n`);
  return EXIT.done;
}

async function actToTheEnd(
  { signal }: CliIo,
  store: PgJobStore,
  conditions: JobFilter,
  many: AllAct["many"],
): Promise<{ readonly done: number; readonly leftOut: readonly LeftOut[] }> {
  const leftOut: LeftOut[] = [];
  let done = 0;
  for (let beforeId: string | undefined; ;) {
    signal.throwIfAborted();
    const answer = await many(store, { ...conditions, beforeId });
    done += answer.done;
    leftOut.push(...answer.leftOut.slice(0, MOST_LEFT_OUT - leftOut.length));
    if (answer.next === null) return { done, leftOut };
    beforeId = answer.next;
  }
}
