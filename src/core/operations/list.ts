import { InvalidInputError } from "../errors.ts";
import type { SqlRow, SqlStatement } from "../executor.ts";
import type { TableNames } from "../sql/table-names.ts";
import { JOB_COLUMNS, readJob } from "../sql/job-row.ts";
import type { ReadJson } from "../sql/job-row.ts";
import { checkOptions } from "../values/known-options.ts";
import { checkId } from "../values/job-id.ts";
import { JOB_STATUSES, NEVER_CACHED } from "../job.ts";
import type { Job, JobStatus } from "../job.ts";

/** Which jobs to list. */
export interface ListOptions {
  /** @default every state */
  readonly statuses?: readonly JobStatus[] | undefined;
  /** @default every type */
  readonly types?: readonly string[] | undefined;
  /** Only jobs with a lower id: the last id of the page before. */
  readonly beforeId?: string | undefined;
  /** 1 to 1,000. @default 100 */
  readonly limit?: number | undefined;
}

const LIST_OPTIONS = { statuses: true, types: true, beforeId: true, limit: true } as const satisfies Record<
  keyof ListOptions,
  true
>;

/** `$1` statuses and `$2` types, JSON lists or null; `$3` an id or null; `$4` limit. */
export const listText = ({ jobs }: TableNames): string => `${NEVER_CACHED}
SELECT ${JOB_COLUMNS}
  FROM ${jobs} j
 WHERE ($1::text IS NULL OR j.status::text = ANY (ARRAY(SELECT value FROM json_array_elements_text($1::text::json))))
   AND ($2::text IS NULL OR j.job_type = ANY (ARRAY(SELECT value FROM json_array_elements_text($2::text::json))))
   AND ($3::text IS NULL OR j.id < $3::text::int8)
 ORDER BY j.id DESC
 LIMIT $4::text::int4`;

/** @throws InvalidInputError naming the option. */
export function listStatement(text: string, options: ListOptions): SqlStatement {
  checkOptions(options, LIST_OPTIONS);
  const { statuses, types, beforeId, limit = 100 } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
    throw new InvalidInputError("limit", "a whole number from 1 to 1000", limit);
  }
  const foreign = statuses?.find((status) => !JOB_STATUSES.includes(status));
  if (foreign !== undefined) throw new InvalidInputError("statuses", JOB_STATUSES.join(", "), foreign);
  return {
    text,
    params: [
      statuses === undefined ? null : JSON.stringify(statuses),
      types === undefined ? null : JSON.stringify(types),
      beforeId === undefined ? null : checkId("beforeId", beforeId),
      String(limit),
    ],
  };
}

/** Newest first. */
export function readListed(rows: readonly SqlRow[], parse: ReadJson): Promise<readonly Job[]> {
  return Promise.all(rows.map((row) => readJob(row, parse)));
}
