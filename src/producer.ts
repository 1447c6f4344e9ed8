/** `pqrun/producer`: the enqueue half alone, for an edge route that runs no job. */
export { defineJob } from "./core/contract.ts";
export type { InputOf, JobContract, JobContracts, JobDefaults, OutputOf, ResultOf } from "./core/contract.ts";
export type { EnqueueOptions } from "./core/enqueue/check-job.ts";
export type { DebounceOptions, KeyOptions, ThrottleOptions } from "./core/enqueue/keys/key-options.ts";
export type { EnqueueKeys, Enqueued, NewJob } from "./core/enqueue/enqueue.ts";
export {
  DedupeConflictError,
  InvalidInputError,
  TableError,
  UnknownOutcomeError,
  isPqrunError,
} from "./core/errors.ts";
export type { CallOptions, SqlExecutor, SqlRow, SqlStatement } from "./core/executor.ts";
export { JobProducer } from "./core/producer.ts";
export type { JobHeaders } from "./core/values/headers.ts";
export type { JobToEnqueue, ProducerOptions } from "./core/producer.ts";
