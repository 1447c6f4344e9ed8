import type { JobContracts, JobName, UntypedJobs } from "../core/contract.ts";
import { InvalidInputError } from "../core/errors.ts";
import { checkNumber, checkWhole } from "../core/values/check-number.ts";
import { checkOptions } from "../core/values/known-options.ts";
import { RUNNER_OPTIONS } from "./known-options.ts";
import { checkJobTypes, checkWorkerId } from "../core/values/check-names.ts";
import { loggerOf } from "../core/logger.ts";
import type { Logger } from "../core/logger.ts";
import { backoffPolicy } from "../core/delay-policies.ts";
import type { BackoffPolicy } from "../core/delay-policies.ts";
import type { QueryOptions } from "../core/executor.ts";
import { checkPrune, type PruneOptions } from "../core/operations/prune-rules.ts";
import type { Schedules } from "../core/schedules/schedules.ts";
import type { PgJobStore } from "../core/store.ts";
import type { Handlers } from "./job/handler.ts";
import type { OnJobEvent } from "./job/job-event.ts";
import type { AnyHandler, RunJobOptions } from "./job/run-job.ts";
import { redactingLogger } from "./redacting-logger.ts";
import type { Steps } from "./job/run-steps.ts";
import type { OnRunnerError } from "./runner-error.ts";
import { safePolicy } from "./safe-callbacks.ts";
import { calendarMs, checkTimers } from "./timers.ts";

/** Options that the worker and the drain share. */
export interface RunnerOptions<
  J extends JobContracts = UntypedJobs,
  Tx = never,
  N extends JobName<J> = JobName<J>,
> {
  readonly store: PgJobStore<J, Tx>;
  /** A handler for each contract of the store, or for each of `types` where those are given. */
  // Not Handlers<J, Tx, N>: under a computed key a handler would get no types of names that are still to be inferred.
  readonly handlers: Partial<Handlers<J, Tx>> & Readonly<Record<NoInfer<N>, object>>;
  /**
   * The job types that this runner runs, one or more; jobs of other types are left alone. For runners that share the
   * contracts: a contract that is given no handler does not compile without it.
   *
   * @default all that have a handler
   */
  readonly types?: readonly N[] | undefined;
  /**
   * The schedules of `owner`, by `defineSchedules` of `pqrun/schedules`: they are written when the runner starts, once in
   * the store's life, and rows of the same owner that are no longer among them are deleted. A runner without any serves
   * all schedules that there are, too.
   */
  readonly schedules?: Schedules | undefined;
  /** `steps` of `pqrun/steps`, for handlers that use `ctx.step` and its kin. @default none: such a handler fails */
  readonly steps?: Steps | undefined;
  /** Whose schedules these are; required with `schedules`. Two services on one table need two names, or each deploy deletes the other's. */
  readonly owner?: string | undefined;
  /**
   * Deletes old finished jobs. A drain does it once, at its end, if time is left. A worker looks for some when it starts,
   * once a minute, and at once again while it finds as many as its limit, a second later while it finds any: one
   * statement at a time, beside its turns, given up when it stops. A `safetyPollSeconds` of more than a minute is the
   * time between two looks that find nothing, so that a database that may sleep is left to.
   *
   * @default none are deleted
   */
  readonly prune?: PruneOptions | undefined;
  /**
   * How many handlers run at once, 1 to 1,000. A worker overlaps nothing until it is asked to, as the Python package's
   * and every other queue's; a drain lives by its budget, so it starts what it can. WORKER_CONCURRENCY, workers alone.
   *
   * @default 1 in a worker, 10 in a drain
   */
  readonly concurrency?: number | undefined;
  /** A readable id, 1 to 200 characters: the start of `locked_by`. @default "worker" or "drain" and a random part */
  readonly workerId?: string | undefined;
  /** When a failed attempt is due again. @default 1m, 5m, 30m, 2h, 6h, each ± 10 % */
  readonly backoff?: BackoffPolicy | undefined;
  /** Whether it reaps lost leases. @default true */
  readonly reaper?: boolean | undefined;
  /** Longest run in seconds of a handler whose job doesn't say; and when a Python worker's job is lost. WORKER_STALE_TIMEOUT. @default 1,200 */
  readonly defaultTimeoutSeconds?: number | undefined;
  /** Called with what happens to each job. @default nothing */
  readonly onEvent?: OnJobEvent | undefined;
  /** Where failed attempts and the database's trouble are logged; false is silence. @default the store's: the console */
  readonly logger?: Logger | false | undefined;
  /** Is called with each failure of the runner's own statements, whether or not it goes on. @default nothing */
  readonly onError?: OnRunnerError | undefined;
  /**
   * Milliseconds by the calendar, which go on while the machine sleeps: a job starts only while its lease can't have
   * ended by this clock either. Set forward, it has leases extended, or jobs given back, before they start.
   *
   * @default Date.now
   */
  readonly calendar?: (() => number) | undefined;
  /** Takes secrets of your own out of error texts before they are stored or logged. Connection strings are always taken out. */
  readonly redact?: ((text: string) => string) | undefined;
}

/** What both runners make of their options. */
export interface CheckedRunner {
  readonly store: PgJobStore<JobContracts>;
  readonly types: readonly string[];
  readonly concurrency: number;
  readonly reaper: boolean;
  readonly defaultTimeoutSeconds: number;
  readonly logger: Logger;
  readonly onEvent: OnJobEvent | undefined;
  readonly onError: OnRunnerError | undefined;
  readonly calendar: () => number;
  readonly runJob: RunJobOptions;
  readonly prune: PruneOptions | undefined;
  /** Writes the schedules; absent where there are none to write. */
  readonly declare: ((options: QueryOptions) => Promise<void>) | undefined;
}

/** @param slots the concurrency where none is given. @throws InvalidInputError naming the option. */
export function checkRunner<J extends JobContracts, Tx, N extends JobName<J>>(
  options: RunnerOptions<J, Tx, N>,
  now: () => number,
  slots: number,
): CheckedRunner {
  checkOptions(options, RUNNER_OPTIONS);
  // Inside, a job's type is a value and no longer a type; the handlers were checked against the contracts above.
  const store = options.store as unknown as PgJobStore<JobContracts>;
  checkStore(store);
  const given: unknown = options.handlers;
  if (typeof given !== "object" || given === null || Object.keys(given).length === 0) {
    throw new InvalidInputError("handlers", "an object with a handler for one job type or more", given);
  }
  const handlers = new Map<string, AnyHandler>(
    Object.entries(options.handlers as unknown as Readonly<Record<string, AnyHandler>>),
  );
  checkTimers();
  checkJobTypes("handlers", [...handlers.keys()]);
  for (const [type, handler] of handlers) checkHandler(store, type, handler);
  const types: readonly string[] = options.types ?? [...handlers.keys()];
  checkTypes(types, handlers);
  const { concurrency = slots, defaultTimeoutSeconds = 1_200 } = options;
  const own = loggerOf(options.logger, store.logger);
  const logger = redactingLogger(own, options.redact);
  checkWhole("concurrency", concurrency, 1, 1_000);
  checkNumber("defaultTimeoutSeconds", defaultTimeoutSeconds, 1, 2_147_483);
  const { workerId, redact, onEvent, onError, reaper = true, calendar = calendarMs } = options;
  const { schedules, owner, steps, prune } = options;
  if (prune !== undefined) checkPrune(prune, "prune.");
  if (workerId !== undefined) checkWorkerId(workerId);
  const backoff = safePolicy("backoff", options.backoff, backoffPolicy(), logger);
  // What a handler logs is the application's own.
  const runJob = {
    store,
    handlers,
    backoff,
    timeoutSeconds: defaultTimeoutSeconds,
    logger: own,
    redact,
    now,
    steps,
  };
  return {
    store,
    types: [...new Set(types)],
    concurrency,
    reaper,
    defaultTimeoutSeconds,
    logger,
    onEvent,
    onError,
    calendar,
    runJob,
    prune,
    declare: schedules?.declaration(options.store, owner, logger),
  };
}

/** @throws InvalidInputError where `store` is no store: a pool, an executor, undefined. */
export function checkStore(store: unknown): void {
  const { turn } = (store ?? {}) as { readonly turn?: unknown };
  if (typeof turn !== "function") throw new InvalidInputError("store", "a PgJobStore", store);
}

function checkTypes(types: unknown, handlers: ReadonlyMap<unknown, unknown>): void {
  const given: unknown = types;
  if (Array.isArray(given) && given.length > 0 && given.every((type) => handlers.has(type))) return;
  throw new InvalidInputError("types", "a list of one job type or more, each with a handler", given);
}

function checkHandler(store: PgJobStore<JobContracts>, type: string, handler: unknown): void {
  if (typeof handler !== "function") throw new InvalidInputError(`handlers.${type}`, "a function", handler);
  if (store.jobs !== undefined && !Object.hasOwn(store.jobs, type)) {
    throw new InvalidInputError(
      `handlers.${type}`,
      `one of the contracts: ${Object.keys(store.jobs).join(", ")}`,
      type,
    );
  }
}
