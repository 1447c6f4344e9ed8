import type { JobStatus } from "../job.ts";

/** What a read of a table of any size may look at, in rows or in entries of an index: some milliseconds. */
export const LOOK = 2_000;

/** The states that have an index of their own, and its order. DONE has none: what succeeds pays for no list. */
const ORDERS: Partial<Record<JobStatus, string>> = {
  READY: "j.job_type, j.priority DESC, j.run_after, j.id",
  RUNNING: "j.id",
  FAILED: "j.job_type, j.id",
  CANCELLED: "j.id",
};

/** The states with an index of their own. */
export const INDEXED = Object.keys(ORDERS) as readonly JobStatus[];

/** The first {@link LOOK} entries of a state's index, and one more where there are more: in that order, or a plan could read the table. */
export function fewOf(jobs: string, status: JobStatus, columns: string, condition = ""): string {
  return `(SELECT ${columns} FROM ${jobs} j WHERE j.status = '${status}' ${condition} ORDER BY ${ORDERS[status] ?? "j.id"} LIMIT ${LOOK} + 1)`;
}
