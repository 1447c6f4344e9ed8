import type { JobContracts, JobName, OutputOf, ResultOf } from "../../core/contract.ts";
import type { SqlExecutor, SqlStatement } from "../../core/executor.ts";
import type { PickedUpJob } from "../../core/job.ts";
import type { Logger } from "../../core/logger.ts";
import type { PgJobStore } from "../../core/store.ts";

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
}

/** Runs one type of job. */
export type Handler<J extends JobContracts, N extends JobName<J>, Tx = never> = (
  ctx: JobContext<J, N, Tx>,
) => Promise<ResultOf<J[N]>> | ResultOf<J[N]>;

/** Handlers by job type: one for each contract, or for each of the `Names`. */
export type Handlers<J extends JobContracts, Tx = never, Names extends JobName<J> = JobName<J>> = {
  readonly [N in Names]: Handler<J, N, Tx>;
};
