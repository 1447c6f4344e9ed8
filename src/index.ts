/** `pqrun`: the store and both runners. Adapters have paths of their own, `pqrun/pg` and so on. */
export { defineJob } from "./core/contract.ts";
export type {
  AnyPayload,
  InputOf,
  JobContract,
  JobContracts,
  JobDefaults,
  JobName,
  JsonObject,
  Jsonified,
  OutputOf,
  ResultOf,
  Retain,
  UntypedJobs,
} from "./core/contract.ts";
export type { Cancelled } from "./core/operations/cancel.ts";
export type { EnqueueOptions, PayloadLimits } from "./core/enqueue/check-job.ts";
export type { DebounceOptions, KeyOptions, ThrottleOptions } from "./core/enqueue/keys/key-options.ts";
export type { EnqueueKeys, Enqueued, NewJob } from "./core/enqueue/enqueue.ts";
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
export { ERROR_KINDS } from "./core/errors.ts";
export type { ErrorByKind, ErrorKind } from "./core/errors.ts";
export { isExecutor } from "./core/executor.ts";
export { executor } from "./core/make-executor.ts";
export type { ExecutorMembers } from "./core/make-executor.ts";
export type {
  CallOptions,
  ListenCallbacks,
  Listening,
  QueryOptions,
  SqlExecutor,
  SqlRow,
  SqlStatement,
} from "./core/executor.ts";
export type { TableOptions } from "./core/sql/table-names.ts";
export { JOB_STATUSES } from "./core/job.ts";
export type { AnyStatus, Fence, Job, JobOf, JobStatus, PickedUpJob } from "./core/job.ts";
export type { JobPage, ListOptions } from "./core/operations/list.ts";
export { consoleLogger, silentLogger } from "./core/logger.ts";
export type { LogFields, Logger } from "./core/logger.ts";
export { backoffPolicy, idlePollPolicy, loopErrorPolicy } from "./core/delay-policies.ts";
export type {
  BackoffOptions,
  BackoffPolicy,
  IdlePollPolicy,
  LoopErrorOptions,
  LoopErrorPolicy,
} from "./core/delay-policies.ts";
export type { JobToEnqueue, ProducerOptions } from "./core/producer.ts";
export { FINISHED_STATUSES } from "./core/operations/prune-rules.ts";
export type { PruneOptions, PruneRule } from "./core/operations/prune-rules.ts";
export type { Pruned } from "./core/operations/prune.ts";
export type { JobHeaders } from "./core/values/headers.ts";
export type { AttemptEnd, AttemptError } from "./core/values/attempt-error.ts";
export type { RetryOptions, Retried } from "./core/operations/retry.ts";
export { isLeaseLost } from "./core/sql/lease-lost.ts";
export { VERDICTS } from "./core/turn/settlement.ts";
export type { Due, SettlementAnswer, Verdict } from "./core/turn/settlement.ts";
export { notSent } from "./core/sql/sql-state.ts";
export type { StandardIssue, StandardResult, StandardSchema } from "./core/values/standard-schema.ts";
export type { Tick } from "./core/operations/tick.ts";
export type { Schedules } from "./core/schedules/schedules.ts";
export type { Stats } from "./core/operations/stats.ts";
export { PgJobStore } from "./core/store.ts";
export type { StoreOptions } from "./core/store.ts";
export type { PickupOptions } from "./core/turn/pickup-options.ts";
export type { MarkErrorOptions } from "./core/turn/failure-of.ts";
export type { ReapedJob } from "./core/turn/turn-answer.ts";
export { drainOnce } from "./runners/drain/drain-once.ts";
export { DRAIN_ENDS } from "./runners/drain/drain-options.ts";
export type { DrainEnd, DrainOptions, DrainReport } from "./runners/drain/drain-options.ts";
export { ABORT_REASONS } from "./runners/job/handler.ts";
export type { AbortReason, Handler, Handlers, JobContext } from "./runners/job/handler.ts";
export { JobAbortedError } from "./runners/job/job-aborted.ts";
export { JOB_EVENTS } from "./runners/job/job-event.ts";
export type { JobEvent, JobEventName, OnJobEvent, OutcomeCounts } from "./runners/job/job-event.ts";
export { RUNNER_OPERATIONS } from "./runners/runner-error.ts";
export type { OnRunnerError, RunnerErrorEvent, RunnerOperation } from "./runners/runner-error.ts";
export type { RunnerOptions } from "./runners/runner-options.ts";
export type { Environment } from "./runners/worker-environment.ts";
export type { WorkerOptions } from "./runners/worker/worker-options.ts";
export { Worker } from "./runners/worker/worker.ts";
export { WORKER_STATES } from "./runners/worker/worker-health.ts";
export type { WorkerHealth, WorkerState } from "./runners/worker/worker-health.ts";
