/** `pqrun`: the store and both runners. Adapters have paths of their own, `pqrun/pg` and so on. */
export { defineJob } from "./core/contract.ts";
export type {
  InputOf,
  JobContract,
  JobContracts,
  JobDefaults,
  JobName,
  JsonObject,
  OutputOf,
  ResultOf,
  UntypedJobs,
} from "./core/contract.ts";
export type { Cancelled } from "./core/cancel.ts";
export type { EnqueueOptions, PayloadLimits } from "./core/enqueue-options.ts";
export type { Enqueued } from "./core/enqueue.ts";
export {
  DedupeConflictError,
  InvalidInputError,
  LeaseLostError,
  NonRetriableError,
  RetryAfterError,
  SnoozeError,
  TableError,
  UnknownOutcomeError,
  isPqrunError,
} from "./core/errors.ts";
export type { ErrorByKind, ErrorKind } from "./core/errors.ts";
export { EXECUTOR, isExecutor } from "./core/executor.ts";
export type {
  ListenCallbacks,
  Listening,
  QueryOptions,
  SqlExecutor,
  SqlRow,
  SqlStatement,
} from "./core/executor.ts";
export type { ExtendAnswer, ExtendVerdict } from "./core/extend.ts";
export { tableNames } from "./core/identifiers.ts";
export type { TableNames, TableOptions } from "./core/identifiers.ts";
export { JOB_STATUSES } from "./core/job.ts";
export type { Fence, Job, JobStatus, PickedUpJob } from "./core/job.ts";
export type { ListOptions } from "./core/list.ts";
export { consoleLogger, silentLogger } from "./core/logger.ts";
export type { LogFields, Logger } from "./core/logger.ts";
export { backoffPolicy, idlePollPolicy, loopErrorPolicy } from "./core/policies.ts";
export type {
  BackoffOptions,
  BackoffPolicy,
  IdlePollPolicy,
  LoopErrorOptions,
  LoopErrorPolicy,
} from "./core/policies.ts";
export type { JobToEnqueue, ProducerOptions } from "./core/producer.ts";
export type { PruneOptions, Pruned } from "./core/prune.ts";
export type { Retried } from "./core/retry.ts";
export type { Due, Outcome, Settlement, SettlementAnswer, Verdict } from "./core/settlement.ts";
export { sqlState } from "./core/sql-state.ts";
export type { StandardIssue, StandardResult, StandardSchema } from "./core/standard-schema.ts";
export type { Stats } from "./core/stats.ts";
export { PgJobStore } from "./core/store.ts";
export type { PickupOptions, StoreOptions } from "./core/store.ts";
export type { ReapedJob, TurnAnswer } from "./core/turn-answer.ts";
export type { PickUp, Reap, TurnRequest } from "./core/turn.ts";
export { drainOnce } from "./runners/drain-once.ts";
export type { DrainEnd, DrainOptions, DrainReport } from "./runners/drain-options.ts";
export type { AbortReason, Handler, Handlers, JobContext } from "./runners/handler.ts";
export type { JobEvent, JobEventName, OnJobEvent, OutcomeCounts } from "./runners/job-event.ts";
export type { OnRunnerError, RunnerErrorEvent, RunnerOperation } from "./runners/runner-error.ts";
export type { RunnerOptions } from "./runners/runner-options.ts";
export type { Environment } from "./runners/worker-environment.ts";
export type { WorkerOptions } from "./runners/worker-options.ts";
export { Worker } from "./runners/worker.ts";
