import type { JobContracts, JobName, Jsonified, OutputOf, ResultOf } from "../../core/contract.ts";
import type { SqlExecutor, SqlStatement } from "../../core/executor.ts";
import type { PickedUpJob } from "../../core/job.ts";
import type { Logger } from "../../core/logger.ts";
import type { Step } from "../../core/operations/read-steps.ts";
import type { PgJobStore } from "../../core/store.ts";
import type { Sleep } from "./run-steps.ts";

/**
 * Why a handler's signal aborted: its own `timeoutSeconds`; the end of a
 * drain's budget; a stop of its runner; the lease lost; the job cancelled.
 */
export const ABORT_REASONS = ["timeout", "deadline", "shutdown", "lost", "cancelled"] as const;

/** One of {@link ABORT_REASONS}: the `reason` of the Error that `ctx.signal.reason` is. */
export type AbortReason = (typeof ABORT_REASONS)[number];

/** What a handler is given. */
export interface JobContext<J extends JobContracts, N extends JobName<J>, Tx = never> {
  /** The payload as the contract's schema gave it back, or as it was stored. */
  readonly payload: OutputOf<J[N]>;
  /** The row that was picked up. */
  readonly job: PickedUpJob;
  /** Aborts with a `JobAbortedError`, which `fetch` then throws. A handler that ignores it is not waited for. */
  readonly signal: AbortSignal;
  /** To enqueue what follows. */
  readonly store: PgJobStore<J, Tx>;
  readonly logger: Logger;
  /** The id of the worker or drain that runs it: the `workerId` that it was given, or the one that it has made. */
  readonly workerId: string;
  /**
   * Settles this job as DONE in a transaction with the handler's own writes, so that they happen once. After its commit
   * the handler may go on: it needs no lease any longer, and is bound by its timeout, the drain's budget and a shutdown alone.
   *
   * @throws LeaseLostError where another attempt has the job: let it roll the transaction back.
   */
  readonly settleIn: (tx: Tx | SqlExecutor, result?: ResultOf<J[N]>) => Promise<void>;
  /** As {@link JobContext.settleIn}, for transactions that are lists: the list fails if the lease is gone. */
  readonly settleStatement: (result?: ResultOf<J[N]>) => SqlStatement;
  /**
   * For runners that were given `steps` of `pqrun/steps`. Runs `work` once and remembers what it returns, in one statement that extends the lease too. Where a former attempt
   * has remembered the step, that value is returned and `work` is not called: so a job goes on where it was after a
   * failure, a deploy, or the end of a drain's budget. Until then it may run again, since its process may die between the
   * effect and the statement: see {@link JobContext.stepIn}. Steps may run side by side. Where too little time is left for
   * another one, or a shutdown has begun, it throws a SnoozeError, the attempt is over whatever the handler makes of that,
   * and the job is READY again at once, without a counted attempt.
   *
   * @param name 1 to 200 characters, each name once in a run: the step's identity
   * @returns what JSON gives back of the result; at most 1,000 steps and 1 MiB in all
   * @throws InvalidInputError for a name that the run has used, and for a result that JSON would lose, naming its path.
   * @throws LeaseLostError where another attempt has the job: nothing was remembered.
   */
  readonly step: <T>(name: string, work: () => T) => Promise<Jsonified<Awaited<T>>>;
  /**
   * Remembers a step in a transaction with its own writes, so that they happen once: inside the work of `ctx.step` of the
   * same name, which calls it only where the step is not remembered.
   *
   * @throws InvalidInputError where the step is remembered already: let it roll the transaction back.
   * @throws LeaseLostError where another attempt has the job: let it roll the transaction back.
   */
  readonly stepIn: (tx: Tx | SqlExecutor, name: string, value?: unknown) => Promise<void>;
  /** As {@link JobContext.stepIn}, for transactions that are lists: the list fails where the step is remembered, or the lease gone. */
  readonly stepStatement: (name: string, value?: unknown) => SqlStatement;
  /**
   * Ends the attempt and goes on behind this line when the time has come, days later if need be: meanwhile the job has no
   * slot, no lease and no counted attempt. It throws a SnoozeError, once; where the time has come it returns.
   *
   * @param name as a step's
   * @param until seconds from now, 0 to 3,155,760,000, or a moment
   */
  readonly sleep: (name: string, until: Sleep) => Promise<void>;
  /** What the job has remembered, the oldest first. One statement. */
  readonly steps: () => Promise<readonly Step[]>;
}

/** Runs one type of job. */
export type Handler<J extends JobContracts, N extends JobName<J>, Tx = never> = (
  ctx: JobContext<J, N, Tx>,
) => Promise<ResultOf<J[N]>> | ResultOf<J[N]>;

/** Handlers by job type: one for each contract, or for each of the `Names`. */
export type Handlers<J extends JobContracts, Tx = never, Names extends JobName<J> = JobName<J>> = {
  readonly [N in Names]: Handler<J, N, Tx>;
};
