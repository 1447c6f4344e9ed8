/** The reads and the acts of `pqrun/operate` that pages need. */
export { cancelMany } from "../core/operations/cancel-many.ts";
export { countMatching } from "../core/operations/count-matching.ts";
export { failures } from "../core/operations/failures.ts";
export { history } from "../core/operations/history.ts";
export type { History, HistoryMinute } from "../core/operations/history.ts";
export { overview } from "../core/operations/overview.ts";
export type { Overview, TypeOverview } from "../core/operations/overview.ts";
export { redrive } from "../core/operations/redrive.ts";
export { runNow } from "../core/operations/run-now.ts";
export { workers } from "../core/operations/workers.ts";
export type { BulkAnswer } from "../core/sql/bulk-act.ts";
export type { JobFilter } from "../core/sql/matching-jobs.ts";
