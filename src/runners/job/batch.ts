import type { JobContracts, JobName, ResultOf } from "../../core/contract.ts";
import { InvalidInputError, SnoozeError } from "../../core/errors.ts";
import type { PickedUpJob } from "../../core/job.ts";
import { checkWhole } from "../../core/values/check-number.ts";
import { GATHER } from "./gathering.ts";
import type { Gather, GatherRoom } from "./gathering.ts";
import type { SharedSlot } from "./shared-slot.ts";
import type { AbortReason, Handler, JobContext } from "./handler.ts";
import { RUN } from "./handler-context.ts";
import { withoutLeakWarning } from "./quiet-signal.ts";
import type { JobRun } from "./run-job.ts";

/** How a batch is made up. */
export interface BatchOptions {
  /** The most jobs in one call of the handler, 1 to 1,000. */
  readonly size: number;
}

/** One job of a batch. */
export type BatchJob<J extends JobContracts, N extends JobName<J>, Tx = never> = Pick<
  JobContext<J, N, Tx>,
  /** Its `signal` aborts when this job alone is cancelled or its lease is lost, and when the batch's does. */
  "payload" | "job" | "signal" | "settleIn" | "settleStatement"
>;

/** What a batch handler is given beside its jobs. */
export interface BatchContext<J extends JobContracts, N extends JobName<J>, Tx = never> extends Pick<
  JobContext<J, N, Tx>,
  "store" | "logger" | "workerId"
> {
  /**
   * Aborts at the least timeout of the jobs, at the end of a drain's budget and at a shutdown; and where each job that has
   * no outcome yet is cancelled or has lost its lease.
   */
  readonly signal: AbortSignal;
  /**
   * The attempt of this job has failed, as if its own handler had thrown `error`; it is settled at once, whatever becomes
   * of the others. Of several outcomes the first stands.
   *
   * @throws InvalidInputError where the job is not of this batch
   */
  readonly fail: (job: BatchJob<J, N, Tx>, error: unknown) => void;
  /**
   * Puts this job off, without a counted attempt, as a SnoozeError does; it is settled at once.
   *
   * @param when milliseconds from now, or a moment
   * @throws InvalidInputError where the job is not of this batch, or `when` is neither
   */
  readonly snooze: (job: BatchJob<J, N, Tx>, when: number | Date) => void;
}

/** What a batch handler returns: a result for each job, in their order; or nothing, and no job has a result. */
export type BatchResults<R> =
  readonly (R | undefined)[] | (undefined extends R ? ReturnType<() => void> : never);

/**
 * Runs jobs of one type together.
 *
 * Of the jobs that have no outcome by `ctx.fail` or `ctx.snooze`, a throw fails all.
 */
export type BatchHandler<J extends JobContracts, N extends JobName<J>, Tx = never> = (
  jobs: readonly BatchJob<J, N, Tx>[],
  ctx: BatchContext<J, N, Tx>,
) => Promise<BatchResults<ResultOf<J[N]>>> | BatchResults<ResultOf<J[N]>>;

/**
 * A handler that is called with up to `size` jobs of its type at once: with what is due, it does not wait for more. A batch
 * has one slot of its runner, and each of its jobs a lease, an attempt and a settlement of its own.
 *
 * ```ts
 * const handlers = {
 *   embed: batch({ size: 100 }, async (jobs, { signal }) => await embedAll(jobs.map(({ payload }) => payload.text), { signal })),
 * };
 * ```
 *
 * @throws InvalidInputError naming the option.
 */
export function batch<J extends JobContracts, N extends JobName<J>, Tx = never>(
  { size }: BatchOptions,
  handler: BatchHandler<J, N, Tx>,
): Handler<J, N, Tx> {
  checkWhole("size", size, 1, 1_000);
  if (typeof handler !== "function") throw new InvalidInputError("handler", "a function", handler);
  // Inside, a job's type is a value and no longer a type, as in the runners.
  const call = handler as unknown as AnyBatchHandler;
  const gather: Gather = (job, room) => {
    new Gathering(new Batch(call), room, job.type, size).start(job);
  };
  const handle = (ctx: AnyContext): Promise<unknown> => {
    const { [RUN]: run } = ctx as AnyContext & { readonly [RUN]?: JobRun };
    // A caller without slots, such as a test of the handler, has a batch of one.
    return (run?.shared ?? new Batch(call)).handle(ctx, run);
  };
  return Object.assign(handle as unknown as Handler<J, N, Tx>, { [GATHER]: gather });
}

type AnyContext = JobContext<JobContracts, string>;
type AnyBatchContext = BatchContext<JobContracts, string>;
type AnyBatchHandler = (jobs: readonly AnyContext[], ctx: AnyBatchContext) => unknown;

/** Brings the runs of one batch together, then begins them. */
class Gathering {
  readonly #batch: Batch;
  readonly #room: GatherRoom;
  readonly #type: string;
  readonly #size: number;
  readonly #runs: JobRun[] = [];

  constructor(batch: Batch, room: GatherRoom, type: string, size: number) {
    this.#batch = batch;
    this.#room = room;
    this.#type = type;
    this.#size = size;
  }

  start(job: PickedUpJob): void {
    this.#add(job);
    if (job.alone) {
      this.#begin();
      return;
    }
    this.#takeBuffered();
    if (this.#missing === 0) this.#begin();
    else
      this.#room.fill(this.#type, this.#missing, () => {
        // What was given back meanwhile has left the slot, and it may be another's.
        if (this.#batch.held) this.#takeBuffered();
        this.#begin();
      });
  }

  get #missing(): number {
    return this.#size - this.#runs.length;
  }

  #takeBuffered(): void {
    for (const job of this.#room.take(this.#type, this.#missing)) this.#add(job);
  }

  #add(job: PickedUpJob): void {
    this.#runs.push(this.#room.share(job, this.#batch));
  }

  #begin(): void {
    const timeoutMs = Math.min(...this.#runs.map((run) => run.timeoutMs));
    for (const run of this.#runs) {
      run.timeoutMs = timeoutMs;
      this.#room.begin(run);
    }
  }
}

interface Member {
  readonly ctx: AnyContext;
  readonly outcome: Promise<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  decided: boolean;
}

/** The jobs of one call of a batch handler. */
class Batch implements SharedSlot<JobRun> {
  readonly #handler: AnyBatchHandler;
  /** Those in the slot. */
  readonly #runs = new Set<JobRun>();
  /** Those of them whose payloads are there. */
  readonly #members = new Map<JobRun | undefined, Member>();
  readonly #complete: Promise<void>;
  #completed!: () => void;
  #called = false;
  #controller: AbortController | undefined;

  constructor(handler: AnyBatchHandler) {
    this.#handler = handler;
    this.#complete = new Promise((resolve) => {
      this.#completed = resolve;
    });
  }

  /** Whether any job is left in the slot. */
  get held(): boolean {
    return this.#runs.size > 0;
  }

  enter(run: JobRun): boolean {
    this.#runs.add(run);
    return this.#runs.size > 1;
  }

  leave(run: JobRun): boolean {
    this.#runs.delete(run);
    if (!this.#called) this.#members.delete(run);
    this.#check();
    return this.held;
  }

  async handle(ctx: AnyContext, run: JobRun | undefined): Promise<unknown> {
    const member = this.#members.get(run) ?? memberOf(ctx);
    this.#members.set(run, member);
    this.#check();
    // Each waits in the async context that its handler was started in, and the first one goes on.
    await this.#complete;
    if (!this.#called && this.#members.size > 0) {
      this.#called = true;
      void this.#call([...this.#members.values()]);
    }
    return await member.outcome;
  }

  #check(): void {
    if (this.#members.size >= this.#runs.size && this.#members.size > 0) this.#completed();
  }

  async #call(members: readonly Member[]): Promise<void> {
    const jobs = members.map(({ ctx }) => ctx);
    try {
      const results = await this.#handler(jobs, this.#context(members));
      if (results !== undefined && !(Array.isArray(results) && results.length === jobs.length))
        throw new InvalidInputError(
          "results",
          `one for each of the ${jobs.length} jobs of the batch, in their order, or nothing`,
          results,
        );
      for (const [n, { resolve }] of members.entries()) resolve(results?.[n]);
    } catch (error) {
      const ended: unknown = this.#controller?.signal.reason;
      // The reason of the batch, thrown by `signal.throwIfAborted()`, is that of each job.
      for (const { reject, ctx } of members)
        reject(error === ended && ctx.signal.aborted ? ctx.signal.reason : error);
    }
  }

  #context(members: readonly Member[]): AnyBatchContext {
    const [first] = members;
    if (first === undefined) throw new Error("a batch has a job");
    const { store, logger, workerId } = first.ctx;
    const decide = (job: object, error: () => unknown): void => {
      const member = members.find(({ ctx }) => ctx === job);
      if (member === undefined) throw new InvalidInputError("job", "a job of this batch", job);
      member.decided = true;
      member.reject(error());
    };
    const signal = (): AbortSignal => this.#signal(members);
    return {
      ...{ store, logger, workerId },
      get signal() {
        return signal();
      },
      fail: (job, error) => {
        decide(job, () => error);
      },
      snooze: (job, when) => {
        decide(job, () => new SnoozeError(when));
      },
    };
  }

  /** Made when it is first asked for, as a job's own is. */
  #signal(members: readonly Member[]): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    const controller = (this.#controller = new AbortController());
    const check = (): void => {
      if (controller.signal.aborted) return;
      const aborted = members.filter(({ ctx }) => ctx.signal.aborted);
      const forAll = aborted.find(
        ({ ctx }) => !isOwn(ctx.signal.reason as { readonly reason?: AbortReason }),
      );
      const none = members.every(({ ctx, decided }) => decided || ctx.signal.aborted);
      const ending = forAll ?? (none ? aborted[0] : undefined);
      if (ending === undefined) return;
      const reason = ending.ctx.signal.reason as { readonly reason?: AbortReason };
      controller.abort(reason);
      // Each has a timer for the same moment, and the handler may end between the first one's and the next one's.
      if (reason.reason === "timeout") for (const run of this.#runs) run.abortSoon("timeout");
    };
    for (const { ctx } of members) ctx.signal.addEventListener("abort", check);
    check();
    return withoutLeakWarning(controller.signal);
  }
}

/** Whether a job's signal has aborted for a reason that is not also the others'. */
function isOwn({ reason }: { readonly reason?: AbortReason }): boolean {
  return reason === "lost" || reason === "cancelled";
}

function memberOf(ctx: AnyContext): Member {
  let resolve: Member["resolve"] = () => undefined;
  let reject: Member["reject"] = () => undefined;
  const outcome = new Promise<unknown>((resolved, rejected) => {
    [resolve, reject] = [resolved, rejected];
  });
  return { ctx, outcome, resolve, reject, decided: false };
}
