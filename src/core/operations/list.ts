import type { SqlRow, SqlStatement } from "../executor.ts";
import type { TableNames } from "../sql/table-names.ts";
import { JOB_COLUMNS, readJob } from "../sql/job-row.ts";
import type { ReadJson } from "../sql/job-row.ts";
import { FILTER_OPTIONS, matchingParams, matchingText } from "../sql/matching-jobs.ts";
import type { JobFilter } from "../sql/matching-jobs.ts";
import { checkOptions } from "../values/known-options.ts";
import { NEVER_CACHED, cells } from "../job.ts";
import type { Job } from "../job.ts";

/** Which jobs to list: those that meet every condition that is given; 100 unless `limit` says otherwise. */
export type ListOptions = JobFilter;

/** A part of a list. */
export interface JobPage {
  /** Newest first. It may hold fewer jobs than `limit`, or none, though more follow: `next` says so. */
  readonly jobs: readonly Job[];
  /** The `beforeId` of the next page; null where nothing follows. */
  readonly next: string | null;
}

/** The parameters are those of {@link matchingText}. */
export const listText = ({ jobs }: TableNames): string => `${NEVER_CACHED}
${matchingText(jobs)}
SELECT ${JOB_COLUMNS}, (SELECT id FROM page_end)::text AS page_end
  FROM (VALUES (1)) one LEFT JOIN ${jobs} j ON j.id = ANY (ARRAY(SELECT id FROM listed))
 ORDER BY j.id DESC`;

/** @throws InvalidInputError naming the option. */
export function listStatement(text: string, options: ListOptions): SqlStatement {
  checkOptions(options, FILTER_OPTIONS);
  return { text, params: matchingParams(options, 100) };
}

/** Reads the page: a row for each job, or one without a job. */
export async function readPage(
  rows: readonly SqlRow[],
  { limit = 100 }: ListOptions,
  parse: ReadJson,
): Promise<JobPage> {
  const found = rows.filter((row) => cells(row)[0] !== null);
  const jobs = await Promise.all(found.map((row) => readJob(row, parse)));
  const [first = {}] = rows;
  return {
    jobs,
    next: jobs.length < limit ? (cells(first).at(-1) ?? null) : (jobs.at(-1)?.id ?? null),
  };
}
