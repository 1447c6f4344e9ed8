import type { JobContracts, JobName, UntypedJobs } from "../../core/contract.ts";
import type { OutcomeCounts } from "../job/job-event.ts";
import { Timers, uponAbort, within } from "../wait.ts";
import { ObservedPromise } from "./observed-promise.ts";
import { logStart } from "./start-line.ts";
import type { WorkerHealth } from "./worker-health.ts";
import { WorkerLoop } from "./worker-loop.ts";
import { checkWorker, type CheckedWorker, type WorkerOptions } from "./worker-options.ts";

/** How long before the end of a stop the last settlement leaves. */
const STOP_MARGIN_MS = 500;

/**
 * Runs jobs for as long as its process lives.
 *
 * ```ts
 * await using worker = new Worker({ store, handlers, concurrency: 10 }).start();
 * ```
 */
export class Worker<J extends JobContracts = UntypedJobs, Tx = never, N extends JobName<J> = JobName<J>> {
  readonly #options: CheckedWorker;
  readonly #loop: WorkerLoop;
  readonly #timers = new Timers();
  /** The loop at work. */
  #working: Promise<void> | undefined;
  /** When a stop ends, whatever it waits for. */
  #stopBy = Infinity;

  /** Checks its options and starts nothing: it may stand at a module's top level. @throws InvalidInputError */
  constructor(options: WorkerOptions<J, Tx, N>) {
    this.#options = checkWorker(options);
    this.#loop = new WorkerLoop(this.#options);
  }

  /** What has happened to jobs so far, by what the database answered. */
  get counts(): OutcomeCounts {
    return this.#loop.counts;
  }

  /** Whether it works, as far as it knows: without a statement, for a health check. */
  get health(): WorkerHealth {
    return this.#loop.health;
  }

  /** Starts; once. A worker that is not enabled (WORKER_ENABLED=false) stays as it is. */
  start(): this {
    const { enabled, logger } = this.#options;
    if (!enabled) logger.info("the worker is not enabled");
    if (!enabled || this.#working !== undefined || this.#loop.stopping) return this;
    const id = this.#options.workerId ?? `worker-${crypto.randomUUID().slice(0, 8)}`;
    logStart(this.#options, id);
    this.#working = this.#loop.start(id);
    return this;
  }

  /**
   * Runs until `signal` fires, then stops; so does a worker that is not enabled, without a job.
   *
   * Rejects where the first turn fails for a reason that waiting does not mend: a wrong password or role, no such database, schema
   * or table. Once a turn was answered, all failures are waited for. A worker whose `run` nobody waits for logs
   * such an error, reports it to `onError` and tries again at growing intervals, up to a minute.
   */
  run(signal?: AbortSignal): Promise<void> {
    return ObservedPromise.of(this.#run(signal), () => {
      this.#loop.observe();
    });
  }

  async #run(signal: AbortSignal | undefined): Promise<void> {
    const stopped = uponAbort(signal, () => this.stop());
    this.start();
    // A stop may give up on a loop that waits for a database that answers no more.
    await Promise.race([this.#working ?? this.#loop.untilStopping(), stopped.result]);
    stopped.forget();
    this.#loop.throwIfFailed();
  }

  /** Polls now. Enqueues through the worker's own store do this by themselves. */
  wake(): void {
    this.#loop.pollNow();
  }

  /**
   * Stops: picks up no more, lets handlers finish for the grace, aborts them,
   * gives back what did not start or ended upon the abort, and is over within
   * the shutdown timeout. A handler that ignores its signal keeps its lease
   * until that runs out. Called again with `graceMs: 0`, it aborts at once.
   */
  async stop({ graceMs = this.#options.graceMs }: { readonly graceMs?: number } = {}): Promise<void> {
    const { now, shutdownMs } = this.#options;
    if (!this.#loop.stopping) {
      this.#stopBy = now() + shutdownMs;
      this.#loop.stopPickingUp();
      this.#timers.after(shutdownMs - STOP_MARGIN_MS, () => {
        this.#loop.giveUp();
      });
    }
    this.#timers.after(graceMs, () => {
      this.#loop.abort();
    });
    const working = this.#working ?? Promise.resolve();
    await within(this.#stopBy - now(), () => working);
    this.#timers.clear();
  }

  /** As {@link Worker.stop}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
