/** `pqrun/testing`: a real queue for each test, and one handler without any. */
export { runJob } from "./run-job.ts";
export type { RanJob, RunJobSettings, RunJobWithContract, RunJobWithPayload } from "./run-job.ts";
export type { HandedOverJob } from "./no-database.ts";
export { testQueue } from "./test-queue.ts";
export type { DrainAllOptions, TestQueue, TestQueueOptions } from "./test-queue.ts";
export type { TestStore } from "./test-store.ts";
export type { EnqueuedJob } from "./enqueued-jobs.ts";
export type { Attempt, RunAllOptions, SomeHandlers } from "./run-all.ts";
export type { Span } from "./span.ts";
