import type { InputOf, JobContracts, JobName } from "../core/contract.ts";
import type { EnqueueOptions } from "../core/enqueue/check-job.ts";
import type { Enqueued } from "../core/enqueue/enqueue.ts";
import type { CallOptions, SqlExecutor } from "../core/executor.ts";
import type { JobToEnqueue } from "../core/producer.ts";
import { PgJobStore } from "../core/store.ts";

/** A store that can run what is enqueued before its caller goes on. */
export class TestStore<J extends JobContracts, Tx> extends PgJobStore<J, Tx> {
  /** Runs what is due; undefined where enqueues only write. */
  runDue: (() => Promise<unknown>) | undefined;
  #running = false;
  #again = false;

  override async enqueue<N extends JobName<J>>(
    type: N,
    payload: InputOf<J[N]>,
    options?: EnqueueOptions & CallOptions,
  ): Promise<Enqueued> {
    const enqueued = await super.enqueue(type, payload, options);
    await this.#run();
    return enqueued;
  }

  override async enqueueMany(
    jobs: readonly JobToEnqueue<J>[],
    options?: CallOptions,
  ): Promise<readonly Enqueued[]> {
    const enqueued = await super.enqueueMany(jobs, options);
    await this.#run();
    return enqueued;
  }

  override async transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    const result = await super.transaction(work);
    await this.#run();
    return result;
  }

  /** What a handler enqueues is run by the call that runs the handler, which it must not wait for. */
  async #run(): Promise<void> {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#again && this.runDue !== undefined) {
        this.#again = false;
        await this.runDue();
      }
    } finally {
      this.#running = false;
    }
  }
}
