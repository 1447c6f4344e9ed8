import type { Embedding, Relations, Summary } from "../../../examples/hono-node/jobs.ts";
import { jobsById } from "../../../examples/hono-node/jobs-by-id.ts";
import type { Store } from "../../../examples/hono-node/app.ts";
import { JOB_STATUSES, type Job } from "../../core/job.ts";
import { columns } from "../terminal/columns.ts";
import { printable } from "../terminal/printable.ts";
import type { Screen } from "./screen.ts";

/** The jobs of one run of the demo. */
export interface DemoJobs {
  readonly summaries: readonly Job[];
  readonly embeddings: readonly Job[];
  readonly relate: readonly Job[];
}

/** Reads what has become of a run's jobs. */
export async function readJobs(
  store: Store,
  summaryIds: readonly string[],
  relateId: string,
): Promise<DemoJobs> {
  const summaries = await jobsById(store, "summarize", summaryIds);
  const embedIds = summaries.flatMap(({ result }) => (isSummary(result) ? [result.embedId] : []));
  return {
    summaries: summaries.reverse(),
    embeddings: (await jobsById(store, "embed", embedIds)).reverse(),
    relate: await jobsById(store, "relate", [relateId]),
  };
}

/** How many jobs FAILED. */
export function failures(jobs: DemoJobs): number {
  return Object.values(jobs)
    .flat()
    .filter(({ status }) => status === "FAILED").length;
}

/** Writes what was done, from what the table says. */
export function report(screen: Screen, jobs: DemoJobs, duplicates: readonly string[]): void {
  const all = [...jobs.summaries, ...jobs.embeddings, ...jobs.relate];
  const counted = (title: string, of: readonly Job[]): string[] => [
    title,
    ...JOB_STATUSES.map((status) => String(of.filter((job) => job.status === status).length)),
  ];
  const rows = [
    ["jobs", ...JOB_STATUSES],
    counted("summarize", jobs.summaries),
    counted("embed", jobs.embeddings),
    counted("relate", jobs.relate),
    counted("all", all),
  ];
  screen.line(columns(rows, "right").trimEnd());
  screen.line();
  const retried = all.filter(({ attempts }) => attempts > 1);
  screen.fact("retries", retriesText(retried));
  screen.fact(
    "duplicates",
    duplicates.length === 0 ? "none" : `${duplicates.length}, not enqueued twice: ${list(duplicates)}`,
  );
  for (const { id, type, lastError } of all.filter(({ status }) => status === "FAILED")) {
    screen.paragraph(`FAILED: ${type}, job ${id}: ${(lastError ?? "").split("\n", 1).join("")}`, 2);
  }
  topSentences(screen, jobs.summaries);
  closest(screen, jobs);
}

function retriesText(retried: readonly Job[]): string {
  const count = retried.reduce((sum, { attempts }) => sum + attempts - 1, 0);
  const which = retried.map(({ id, type, attempts }) => `${type}, job ${id}, took ${attempts} attempts`);
  return count === 0 ? "none" : `${count}: ${list(which)}`;
}

function topSentences(screen: Screen, summaries: readonly Job[]): void {
  screen.heading("The top sentence of each file");
  for (const { payload, result } of summaries) {
    const path =
      typeof payload === "object" && payload !== null && "path" in payload ? String(payload.path) : "";
    if (!isSummary(result)) continue;
    screen.line(`  ${printable(path)} (${result.words} words)`);
    screen.paragraph(result.top[0] ?? "It holds no prose.", 4);
  }
}

function closest(screen: Screen, { embeddings, relate: [relate] }: DemoJobs): void {
  const pairs = (relate?.result as Relations | null | undefined)?.pairs ?? [];
  if (pairs.length === 0) return;
  const dimensions = (embeddings[0]?.result as Embedding | null | undefined)?.vector.length;
  screen.heading(`The files most alike, by their vectors of ${dimensions ?? 0} numbers`);
  for (const { a, b, likeness } of pairs)
    screen.line(`  ${likeness.toFixed(2).padStart(5)}  ${printable(a)}  ${printable(b)}`);
}

function isSummary(result: unknown): result is Summary {
  return typeof result === "object" && result !== null && "embedId" in result;
}

function list(texts: readonly string[]): string {
  const more = texts.length > 3 ? ` and ${texts.length - 3} more` : "";
  return `${texts.slice(0, 3).join("; ")}${more}`;
}
