import type { InputOf, JobContracts, JobName } from "../core/contract.ts";
import type { EnqueueOptions } from "../core/enqueue/check-job.ts";
import type { Enqueued } from "../core/enqueue/enqueue.ts";
import type { Fence } from "../core/job.ts";
import { executor } from "../core/make-executor.ts";
import type { JobToEnqueue } from "../core/producer.ts";
import { notSent } from "../core/sql/sql-state.ts";
import { PgJobStore } from "../core/store.ts";
import type { StoreOptions } from "../core/store.ts";

/** A job that a handler has enqueued while no database was there. */
export interface HandedOverJob {
  readonly type: string;
  readonly payload: unknown;
  readonly options: EnqueueOptions;
}

const NOTHING = executor({
  query: () =>
    Promise.reject(
      notSent(
        new Error(
          "runJob has no database: hand over a `store`, such as that of testQueue, for what needs one",
        ),
      ),
    ),
});

/** A store that checks what a handler enqueues as every store does, and keeps it. */
export class NoDatabaseStore<J extends JobContracts> extends PgJobStore<J> {
  /** What was enqueued, in order. */
  readonly enqueued: HandedOverJob[] = [];
  /** Whether the handler has settled its job itself, and with what. */
  settled: { readonly result: unknown } | undefined;

  constructor(options: StoreOptions<J>) {
    super(NOTHING, options);
  }

  override async enqueue<N extends JobName<J>>(
    type: N,
    payload: InputOf<J[N]>,
    { signal, ...options }: EnqueueOptions & { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Enqueued> {
    signal?.throwIfAborted();
    // It checks all, and sends nothing.
    await this.enqueueStatement(type, payload, options);
    this.enqueued.push({ type, payload, options });
    return { id: String(this.enqueued.length), created: true };
  }

  override async enqueueMany(jobs: readonly JobToEnqueue<J>[]): Promise<readonly Enqueued[]> {
    const answers: Enqueued[] = [];
    for (const { type, payload, ...options } of jobs)
      answers.push(await this.enqueue(type, payload, options));
    return answers;
  }

  /** The transaction is the caller's, or a stand-in of it: nothing is sent through it. */
  override with(): this {
    return this;
  }

  override settleIn(_tx: unknown, job: Fence, result?: unknown): Promise<void> {
    this.settleStatement(job, result);
    return Promise.resolve();
  }

  override settleStatement(
    job: Fence,
    result?: unknown,
    durationMs?: number,
  ): ReturnType<PgJobStore["settleStatement"]> {
    const statement = super.settleStatement(job, result, durationMs);
    this.settled = { result };
    return statement;
  }
}
