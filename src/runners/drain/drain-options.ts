import type { JobContracts, JobName, UntypedJobs } from "../../core/contract.ts";
import { checkNumber, checkWhole } from "../../core/values/check-number.ts";
import { InvalidInputError } from "../../core/errors.ts";
import { loggerOf } from "../../core/logger.ts";
import { checkRunner, checkStore } from "../runner-options.ts";
import type { CheckedRunner, RunnerOptions } from "../runner-options.ts";
import { safeBudget } from "../safe-callbacks.ts";
import { monotonicMs } from "../timers.ts";
import { environmentStaleTimeout, processEnvironment } from "../worker-environment.ts";
import type { Environment } from "../worker-environment.ts";

/** Options of {@link drainOnce}. */
export interface DrainOptions<
  J extends JobContracts = UntypedJobs,
  Tx = never,
  N extends JobName<J> = JobName<J>,
> extends RunnerOptions<J, Tx, N> {
  /**
   * How long the drain may take, in milliseconds, from 100; or a function that
   * returns how long is left, such as Lambda's `getRemainingTimeInMillis`.
   */
  readonly budgetMs: number | (() => number);
  /** Most jobs of one pick-up, 1 to 1,000. What exceeds the free slots waits in a buffer. @default concurrency */
  readonly batchSize?: number | undefined;
  /** Most jobs to pick up. @default no limit */
  readonly maxJobs?: number | undefined;
  /** Most statements to send, from 2; one is kept back for the last settlements. @default no limit */
  readonly maxStatements?: number | undefined;
  /** How long before its end the drain aborts its handlers and settles, in milliseconds. @default 1,000, at most a quarter of the budget */
  readonly reserveMs?: number | undefined;
  /** A shutdown: handlers are aborted, and the attempts of those that end are given back. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Where WORKER_STALE_TIMEOUT is read, which overrides `defaultTimeoutSeconds`, as a worker has it: a drain that reaped by
   * another time would run jobs that Python's workers are at work on. The other variables are a worker's alone.
   *
   * @default process.env where there is one
   */
  readonly env?: Environment | undefined;
  /** Milliseconds of a clock that never goes back. Read after awaited statements only: on Workers it stands still between them. @default performance.now */
  readonly clock?: (() => number) | undefined;
}

/** Why a drain ended: nothing was due that nobody else had locked; a limit was reached; its signal fired; a statement failed. */
export const DRAIN_ENDS = ["empty", "budget", "maxJobs", "maxStatements", "signal", "error"] as const;

/** One of {@link DRAIN_ENDS}. */
export type DrainEnd = (typeof DRAIN_ENDS)[number];

/** What a drain did. Counts are of attempts, by what the database answered. */
export interface DrainReport {
  readonly done: number;
  /** Failed attempts of jobs that are READY again. */
  readonly retried: number;
  /** Jobs that are FAILED now. */
  readonly failed: number;
  readonly snoozed: number;
  /** Attempts that ended between two steps, and count for nothing: their jobs go on in a later one. */
  readonly continued: number;
  /** Attempts given back: not started, or aborted by a shutdown. */
  readonly released: number;
  /** Attempts whose lease was gone when they ended. */
  readonly lost: number;
  readonly cancelled: number;
  /** Lost leases of other workers that were reaped. */
  readonly reaped: number;
  /** Jobs whose settlement got no answer, or that did not end in time: their leases run out. */
  readonly unsettled: number;
  readonly pruned: number;
  readonly stoppedBy: DrainEnd;
  /** Whether jobs are due now, those included that somebody else had locked when the drain last polled. */
  readonly more: boolean;
  /** Milliseconds until the next job is due; null where none is planned, or more are due now. */
  readonly nextDueInMs: number | null;
  readonly statements: number;
  readonly elapsedMs: number;
  /** What failed, where `stoppedBy` is `error`. */
  readonly error?: unknown;
}

/** The options, checked, with their defaults. */
export interface CheckedDrain extends CheckedRunner {
  readonly clock: () => number;
  /** How long is left when the drain starts. */
  readonly budgetMs: number;
  readonly remaining: () => number;
  readonly batchSize: number;
  readonly maxJobs: number;
  readonly maxStatements: number;
  readonly reserveMs: number;
  readonly workerId: string;
  readonly signal: AbortSignal | undefined;
}

/** @throws InvalidInputError naming the option. */
export function checkDrain<J extends JobContracts, Tx, N extends JobName<J>>(
  options: DrainOptions<J, Tx, N>,
): CheckedDrain {
  checkStore(options.store);
  const clock = options.clock ?? monotonicMs;
  const logger = loggerOf(options.logger, options.store.logger);
  const defaultTimeoutSeconds =
    environmentStaleTimeout(options.env ?? processEnvironment(), logger) ?? options.defaultTimeoutSeconds;
  const runner = checkRunner({ ...options, defaultTimeoutSeconds }, clock, 10);
  const {
    budgetMs: budget,
    batchSize = runner.concurrency,
    maxJobs = Infinity,
    maxStatements = Infinity,
  } = options;
  const budgetMs = typeof budget === "function" ? budget() : budget;
  checkNumber("budgetMs", budgetMs, 100, 86_400_000);
  checkWhole("batchSize", batchSize, 1, 1_000);
  if (maxJobs !== Infinity) checkWhole("maxJobs", maxJobs, 1, Number.MAX_SAFE_INTEGER);
  if (maxStatements !== Infinity) checkWhole("maxStatements", maxStatements, 2, Number.MAX_SAFE_INTEGER);
  const reserveMs = options.reserveMs ?? Math.min(1_000, budgetMs / 4);
  checkNumber("reserveMs", reserveMs, 0, budgetMs);
  if (reserveMs > budgetMs / 2)
    throw new InvalidInputError("reserveMs", "at most half of budgetMs", reserveMs);
  const end = clock() + budgetMs;
  return {
    ...runner,
    clock,
    budgetMs,
    remaining: typeof budget === "function" ? safeBudget(budget, runner.logger) : () => end - clock(),
    batchSize,
    maxJobs,
    maxStatements,
    reserveMs,
    workerId: options.workerId ?? `drain-${crypto.randomUUID().slice(0, 8)}`,
    signal: options.signal,
  };
}
