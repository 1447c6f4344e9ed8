/** `pqrun/operate`: what a status page, a shell or an agent reads of a queue of any size, and does to many jobs at once. */
export { cancelMany } from "./core/operations/cancel-many.ts";
export { countMatching } from "./core/operations/count-matching.ts";
export type { Matching } from "./core/operations/count-matching.ts";
export { deleteMany } from "./core/operations/delete-many.ts";
export { failures } from "./core/operations/failures.ts";
export type { FailureGroup, Failures, FailuresOptions } from "./core/operations/failures.ts";
export { history } from "./core/operations/history.ts";
export type { History, HistoryMinute, HistoryOptions } from "./core/operations/history.ts";
export { overview } from "./core/operations/overview.ts";
export type { Overview, TypeOverview } from "./core/operations/overview.ts";
export { redrive } from "./core/operations/redrive.ts";
export { JobFailedError, result } from "./runners/result.ts";
export { runNow } from "./core/operations/run-now.ts";
export { workers } from "./core/operations/workers.ts";
export type { WorkerRow } from "./core/operations/workers.ts";
export type { BulkAnswer, LeftOut } from "./core/sql/bulk-act.ts";
export type { JobFilter } from "./core/sql/matching-jobs.ts";
