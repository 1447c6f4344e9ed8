import { contractOf } from "../core/contract.ts";
import type { InputOf, JobContracts, JobName } from "../core/contract.ts";
import { checkJob, checkSchema } from "../core/enqueue/check-job.ts";
import { backoffPolicy } from "../core/delay-policies.ts";
import type { PickedUpJob } from "../core/job.ts";
import { loggerOf } from "../core/logger.ts";
import type { Logger } from "../core/logger.ts";
import type { PgJobStore } from "../core/store.ts";
import type { FinishedRun } from "../runners/job/finished-run.ts";
import { JobRun } from "../runners/job/run-job.ts";
import { UNBOUNDED } from "../runners/job/step-room.ts";
import { memorySteps } from "./memory-steps.ts";
import type { AnyHandler } from "../runners/job/run-job.ts";
import { checkTimers, monotonicMs } from "../runners/timers.ts";
import { NoDatabaseStore } from "./no-database.ts";
import type { HandedOverJob } from "./no-database.ts";

/** What a handler may be given besides its payload: the row as it was picked up. */
export interface RunJobSettings extends Partial<Omit<PickedUpJob, "type" | "payloadText">> {
  /** Stops the run as a shutdown does: `ctx.signal` aborts. @default never */
  readonly signal?: AbortSignal | undefined;
  /** `ctx.logger`. @default false: silence */
  readonly logger?: Logger | false | undefined;
}

/** A handler that runs with a payload alone. */
export interface RunJobWithPayload<Payload> extends RunJobSettings {
  /** `ctx.payload` as it is: no schema is asked. */
  readonly payload: Payload;
  /** `ctx.job.type`. @default "job" */
  readonly type?: string | undefined;
  readonly jobs?: undefined;
}

/** A handler that runs as its contract says. */
export interface RunJobWithContract<J extends JobContracts, N extends JobName<J>> extends RunJobSettings {
  readonly jobs: J;
  readonly type: N;
  /** As enqueue takes it: checked by the schema, stored as JSON, and checked again before the handler. */
  readonly payload: InputOf<J[N]>;
}

/** What became of a handler that returned. */
export interface RanJob {
  /** As `jobs.result` would hold it; null where it returned nothing. */
  readonly result: unknown;
  /** What it enqueued through `ctx.store`, in order. */
  readonly enqueued: readonly HandedOverJob[];
}

/** A context, as far as it matters whose it is. */
interface AnyContext {
  readonly payload: unknown;
}

/**
 * Runs one handler with a real context and no database: validation, timeout, `ctx.signal` and the result are those of a
 * runner; `ctx.store` checks and keeps what is enqueued; `ctx.settleIn` sends nothing.
 *
 * ```ts
 * const { result, enqueued } = await runJob(welcome, { payload: { userId: 42 }, attempts: 3 });
 * ```
 *
 * @throws whatever the handler threw, as it threw it: also a RetryAfterError, a SnoozeError, a NonRetriableError.
 * @throws InvalidInputError for a payload that the schema refuses.
 * @throws Error where the handler did not end in time, and where its result can't be stored.
 */
export function runJob<J extends JobContracts, N extends JobName<J>>(
  handler: (ctx: never) => unknown,
  options: RunJobWithContract<J, N>,
): Promise<RanJob>;
export function runJob<Ctx extends AnyContext>(
  handler: (ctx: Ctx) => unknown,
  options: RunJobWithPayload<Ctx["payload"]>,
): Promise<RanJob>;
export async function runJob(
  handler: (ctx: never) => unknown,
  options: RunJobWithPayload<unknown> | RunJobWithContract<JobContracts, string>,
): Promise<RanJob> {
  checkTimers();
  const { payload, jobs, type = "job", signal, logger, ...row } = options;
  const payloadText = jobs === undefined ? "{}" : await storedText(jobs, type, payload);
  const store = new NoDatabaseStore<JobContracts>(
    jobs === undefined ? { parse: () => payload, logger: false } : { jobs, logger: false },
  );
  const end = await ended(
    { ...ROW, createdAt: new Date(), runAfter: new Date(), ...row, type, payloadText },
    store,
    handler as AnyHandler,
    loggerOf(logger ?? false),
    signal,
  );
  return { result: resultOf(end, store), enqueued: store.enqueued };
}

const ROW = {
  id: "1",
  attempts: 1,
  lockedBy: `runJob:${"0".repeat(36)}`,
  maxAttempts: 5,
  priority: 0,
  timeoutSeconds: null,
  dedupeKey: null,
  schedule: null,
  scheduledFor: null,
  errors: [],
  headers: {},
  alone: false,
} as const satisfies Omit<PickedUpJob, "type" | "payloadText" | "createdAt" | "runAfter">;

/** The payload as enqueue would store it. @throws InvalidInputError */
async function storedText(jobs: JobContracts, type: string, payload: unknown): Promise<string> {
  const contract = contractOf(jobs, type, "type");
  const checked = checkJob(type, payload, {}, contract, {}, "");
  if (contract?.payload !== undefined) await checkSchema(contract.payload, payload, checked, "payload");
  return checked.payloadText;
}

function ended(
  job: PickedUpJob,
  store: PgJobStore<JobContracts>,
  handler: AnyHandler,
  logger: Logger,
  signal: AbortSignal | undefined,
): Promise<FinishedRun> {
  return new Promise((resolve) => {
    const stop = (): void => {
      run.abort("shutdown");
    };
    const run = new JobRun(
      {
        store,
        handlers: new Map([[job.type, handler]]),
        backoff: backoffPolicy(),
        timeoutSeconds: 1_200,
        logger,
        redact: undefined,
        now: monotonicMs,
        steps: memorySteps,
      },
      job,
      {
        begins: () => true,
        stepRoom: UNBOUNDED,
        ended: (_, end) => {
          signal?.removeEventListener("abort", stop);
          resolve(end);
        },
      },
    );
    if (signal?.aborted === true) stop();
    else signal?.addEventListener("abort", stop);
    run.begin();
  });
}

/** @throws what a test should see. */
function resultOf({ settlement, error }: FinishedRun, { settled }: NoDatabaseStore<JobContracts>): unknown {
  if (error instanceof Error) throw error;
  if (error !== undefined)
    throw new Error("the handler threw something else than an Error", { cause: error });
  if (settled !== undefined) return jsonOf(settled.result);
  if (settlement === null || settlement.outcome === "release")
    throw new Error("the handler was stopped before it ended");
  if (settlement.outcome === "snooze") throw new Error("snoozed");
  if (settlement.outcome !== "done") throw new Error(settlement.error);
  if (settlement.note !== undefined) throw new Error(settlement.note);
  return settlement.resultText === null ? null : JSON.parse(settlement.resultText);
}

function jsonOf(result: unknown): unknown {
  return result === undefined ? null : JSON.parse(JSON.stringify(result));
}
