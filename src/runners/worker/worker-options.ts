import type { JobContracts, JobName, UntypedJobs } from "../../core/contract.ts";
import { checkNumber, checkWhole } from "../../core/values/check-number.ts";
import { loggerOf } from "../../core/logger.ts";
import { idlePollPolicy, loopErrorPolicy } from "../../core/delay-policies.ts";
import type { IdlePollPolicy, LoopErrorPolicy } from "../../core/delay-policies.ts";
import { checkRunner, checkStore } from "../runner-options.ts";
import type { CheckedRunner, RunnerOptions } from "../runner-options.ts";
import { safePolicy } from "../safe-callbacks.ts";
import { monotonicMs } from "../timers.ts";
import { processEnvironment, workerEnvironment } from "../worker-environment.ts";
import type { Environment } from "../worker-environment.ts";

/** Options of a {@link Worker}. The environment overrides those that name a variable. */
export interface WorkerOptions<
  J extends JobContracts = UntypedJobs,
  Tx = never,
  N extends JobName<J> = JobName<J>,
> extends RunnerOptions<J, Tx, N> {
  /** False makes a process that only enqueues: `start` does nothing. WORKER_ENABLED. @default true */
  readonly enabled?: boolean | undefined;
  /** Longest time between two reaps, in seconds. WORKER_REAP_INTERVAL. @default 60 */
  readonly reapIntervalSeconds?: number | undefined;
  /** How long a stop lets handlers finish before it aborts them, in seconds. WORKER_SHUTDOWN_GRACE. @default 10 */
  readonly shutdownGraceSeconds?: number | undefined;
  /** After how long a stop ends in any case, in seconds. WORKER_SHUTDOWN_TIMEOUT. @default 30 */
  readonly shutdownTimeoutSeconds?: number | undefined;
  /** Length of a lease, in milliseconds, 1,000 to 3,600,000; extended at every third of it. @default 30,000 */
  readonly leaseMs?: number | undefined;
  /**
   * How often an idle worker that hears NOTIFY polls all the same, in seconds, 1 to 86,400.
   * Infinity lets a serverless database sleep: it polls once in 23 hours, and a session that the server has ended in
   * order is not opened again before there is something to do, so that after a sleep only the worker's own process
   * wakes it.
   *
   * @default 60
   */
  readonly safetyPollSeconds?: number | undefined;
  /** How an idle worker polls that hears no NOTIFY. @default 1, 2, 5, 10 s */
  readonly idlePoll?: IdlePollPolicy | undefined;
  /** How long it waits when its database fails. @default 100 ms, doubling to 2 s */
  readonly loopError?: LoopErrorPolicy | undefined;
  /** Most jobs held beyond the slots, 0 to 2,000; how many it is follows from how long jobs take. @default 2,000 */
  readonly maxBuffer?: number | undefined;
  /**
   * Starts jobs without waiting until the disk has their pick-up: a turn that neither settles nor reaps is
   * committed asynchronously, which saves an idle worker one flush before each start. The price: a crash of the
   * server may forget such a pick-up of its last second. The job is READY again then, its attempt uncounted, and
   * runs again while the first run may still be at work; that one's settlement is refused as lost.
   *
   * @default false
   */
  readonly fastPickup?: boolean | undefined;
  /** @default process.env where there is one */
  readonly env?: Environment | undefined;
  /** Milliseconds of a clock that never goes back. @default performance.now */
  readonly clock?: (() => number) | undefined;
}

/** The options, checked, with their defaults and the environment's say. */
export interface CheckedWorker extends CheckedRunner {
  readonly enabled: boolean;
  readonly workerId: string | undefined;
  readonly reapIntervalMs: number;
  readonly graceMs: number;
  readonly shutdownMs: number;
  readonly leaseMs: number;
  readonly safetyPollMs: number;
  readonly idlePoll: IdlePollPolicy;
  readonly loopError: LoopErrorPolicy;
  readonly maxBuffer: number;
  readonly fastPickup: boolean;
  readonly now: () => number;
}

/** @throws InvalidInputError naming the option. */
export function checkWorker<J extends JobContracts, Tx, N extends JobName<J>>(
  options: WorkerOptions<J, Tx, N>,
): CheckedWorker {
  checkStore(options.store);
  const said = workerEnvironment(
    options.env ?? processEnvironment(),
    loggerOf(options.logger, options.store.logger),
  );
  const now = options.clock ?? monotonicMs;
  const runner = checkRunner({ ...options, ...said }, now, 1);
  const all = {
    enabled: true,
    reapIntervalSeconds: 60,
    shutdownGraceSeconds: 10,
    shutdownTimeoutSeconds: 30,
    leaseMs: 30_000,
    safetyPollSeconds: 60,
    maxBuffer: 2_000,
    fastPickup: false,
    ...given(options),
    ...said,
  };
  checkNumber("reapIntervalSeconds", all.reapIntervalSeconds, 1, 86_400);
  checkNumber("shutdownGraceSeconds", all.shutdownGraceSeconds, 0, 86_400);
  checkNumber("shutdownTimeoutSeconds", all.shutdownTimeoutSeconds, 0, 86_400);
  checkNumber("leaseMs", all.leaseMs, 1_000, 3_600_000);
  checkWhole("maxBuffer", all.maxBuffer, 0, 2_000);
  if (all.safetyPollSeconds !== Infinity) checkNumber("safetyPollSeconds", all.safetyPollSeconds, 1, 86_400);
  return {
    ...runner,
    enabled: all.enabled,
    workerId: options.workerId,
    reapIntervalMs: all.reapIntervalSeconds * 1000,
    graceMs: Math.min(all.shutdownGraceSeconds, all.shutdownTimeoutSeconds) * 1000,
    shutdownMs: all.shutdownTimeoutSeconds * 1000,
    leaseMs: all.leaseMs,
    safetyPollMs: all.safetyPollSeconds * 1000,
    idlePoll: safePolicy("idlePoll", options.idlePoll, idlePollPolicy(), runner.logger, Infinity),
    loopError: safePolicy("loopError", options.loopError, loopErrorPolicy(), runner.logger),
    maxBuffer: all.maxBuffer,
    fastPickup: all.fastPickup,
    now,
  };
}

/** The options that were given: an `undefined` written out doesn't undo a default. */
function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
