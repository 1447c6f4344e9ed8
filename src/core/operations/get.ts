import type { SqlRow, SqlStatement } from "../executor.ts";
import type { TableNames } from "../sql/table-names.ts";
import { JOB_COLUMNS, readJob } from "../sql/job-row.ts";
import type { ReadJson } from "../sql/job-row.ts";
import { NEVER_CACHED } from "../job.ts";
import type { Job } from "../job.ts";

/** `$1` id. */
export const getText = ({ jobs }: TableNames): string => `${NEVER_CACHED}
SELECT ${JOB_COLUMNS}
  FROM ${jobs} j
 WHERE j.id = $1::text::int8`;

/** One job by its id. */
export function getStatement(text: string, id: string): SqlStatement {
  return { text, params: [id] };
}

/** Null where there is no such job. */
export async function readGot(rows: readonly SqlRow[], parse: ReadJson): Promise<Job | null> {
  const [row] = rows;
  return row === undefined ? null : await readJob(row, parse);
}
