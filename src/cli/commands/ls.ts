import type { Job } from "../../core/job.ts";
import type { JobPage, ListOptions } from "../../core/operations/list.ts";
import { readOptions, wholeNumber } from "../arguments.ts";
import { EXIT, type CliIo, type Command } from "../command.ts";
import { FILTER_OPTIONS, jobConditions } from "../job-filter.ts";
import { jobJson } from "../job-json.ts";
import { QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { jobIds, withStore } from "../queue.ts";
import { columns } from "../terminal/columns.ts";
import { cutTo } from "../terminal/display-width.ts";
import { ago, duration } from "../terminal/duration.ts";
import { printable } from "../terminal/printable.ts";

/** A page that is not full has looked at 2,000 jobs; so this many pages take about a second. */
const MOST_PAGES = 50;
/** Of a payload in a line that no terminal bounds. */
const PAYLOAD_PLACES = 200;

const OPTIONS = {
  ...FILTER_OPTIONS,
  limit: { type: "string", value: "N", help: "at most so many, 1 to 1000 (default: 50)" },
  before: { type: "string", value: "ID", help: "only jobs enqueued before this one: the next page" },
  ids: { type: "boolean", help: "print ids alone, for xargs" },
  payload: { type: "boolean", help: "show payloads, too" },
  ...QUEUE_OPTIONS,
} as const satisfies CliOptions;

/** `pqrun ls`: the jobs, newest first. */
export const lsCommand: Command = {
  name: "ls",
  summary: "list jobs, newest first",
  usage: "pqrun ls [options]",
  about: `Lists jobs, newest first. However large the table is, it looks at some thousand rows
at a time and at a hundred thousand in all; what it prints on stderr goes on from there.`,
  options: OPTIONS,
  run: async (args, io) => {
    const options = readOptions(args, OPTIONS);
    const limit = options.limit === undefined ? 50 : wholeNumber("limit", options.limit, 1, 1_000);
    const beforeId = options.before === undefined ? undefined : jobIds([options.before])[0];
    const asked = { ...jobConditions(options), beforeId, limit };
    const { jobs, next } = await withStore(io, options, (store) => find(store, asked, io.signal));
    if (options.ids === true) io.stdout.write(jobs.map(({ id }) => `${id}\n`).join(""));
    else if (options.json === true) io.stdout.write(jobs.map((job) => `${jobJson(job, options)}\n`).join(""));
    else io.stdout.write(table(jobs, options.payload === true, io));
    if (jobs.length === 0) io.stderr.write(next === null ? "no such jobs\n" : "none so far\n");
    if (next !== null) io.stderr.write(`there may be more: --before ${next}\n`);
    return EXIT.done;
  },
};

/** Goes on where a page has found less than was asked for, until there is enough or the bound is met. */
async function find(
  store: { page(options: ListOptions): Promise<JobPage> },
  asked: ListOptions & { readonly limit: number },
  signal: AbortSignal,
): Promise<JobPage> {
  const jobs: Job[] = [];
  let next: string | null | undefined = asked.beforeId;
  for (let pages = 0; pages < MOST_PAGES && jobs.length < asked.limit && next !== null; pages += 1) {
    signal.throwIfAborted();
    const page = await store.page({ ...asked, beforeId: next, limit: asked.limit - jobs.length });
    jobs.push(...page.jobs);
    next = page.next;
  }
  return { jobs, next: next ?? null };
}

function table(jobs: readonly Job[], payloads: boolean, { stdout }: CliIo): string {
  if (jobs.length === 0) return "";
  const head = ["id", "type", "status", "tries", "when", "key", payloads ? "payload" : "error"];
  const rows = jobs.map((job) => [
    job.id,
    job.type,
    job.status,
    `${job.attempts}/${job.maxAttempts}`,
    when(job),
    job.dedupeKey ?? "",
    payloads ? cutTo(job.payloadText, PAYLOAD_PLACES) : (job.lastError?.split("\n", 1)[0] ?? ""),
  ]);
  const text = columns([head, ...rows.map((row) => row.map(printable))], "left");
  const width = stdout.isTTY === true ? (stdout.columns ?? 80) : Infinity;
  return text
    .split("\n")
    .map((line) => cutTo(line, width))
    .join("\n");
}

function when({ status, runAfter, lockedAt, finishedAt, updatedAt }: Job): string {
  const late = (Date.now() - runAfter.getTime()) / 1000;
  if (status === "READY") return late >= 0 ? `due for ${duration(late)}` : `due ${ago(runAfter)}`;
  return ago((status === "RUNNING" ? lockedAt : finishedAt) ?? updatedAt);
}
