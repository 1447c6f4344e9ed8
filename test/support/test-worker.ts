import type { PgTransaction } from "../../src/adapters/pg/pg.ts";
import type { UntypedJobs } from "../../src/core/contract.ts";
import type { WorkerOptions } from "../../src/runners/worker/worker-options.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { EventLog } from "./event-log.ts";
import { pooledStore, type PooledStoreOptions } from "./pooled-store.ts";
import type { TestQueue, TestStore } from "./queue.ts";
import { Wire } from "./wire.ts";

/** A worker, and all by which a test can follow it. Disposing stops it at once. */
export interface TestWorker extends AsyncDisposable {
  readonly worker: Worker<UntypedJobs, PgTransaction>;
  readonly store: TestStore;
  readonly wire: Wire;
  readonly log: EventLog;
}

/** Options of the worker, and of its store. */
export interface TestWorkerOptions extends Partial<Omit<WorkerOptions<UntypedJobs, PgTransaction>, "store">> {
  readonly wire?: Wire | undefined;
  readonly between?: PooledStoreOptions<UntypedJobs>["between"];
  readonly logger?: WorkerOptions["logger"];
}

/** A worker that is not yet started, of jobs of type `a`. It never polls within a test: what it finds, it was told of. */
export function testWorker(queue: TestQueue, options: TestWorkerOptions = {}): TestWorker {
  const { wire = new Wire(), between, ...rest } = options;
  const log = new EventLog();
  const store = pooledStore(queue, { wire, between });
  const worker = new Worker({
    concurrency: 10,
    handlers: { a: () => undefined },
    env: {},
    onEvent: log.onEvent,
    idlePoll: { delayMs: () => 600_000 },
    safetyPollSeconds: 600,
    reapIntervalSeconds: 600,
    shutdownTimeoutSeconds: 5,
    ...rest,
    store,
  });
  return {
    worker,
    store,
    wire,
    log,
    [Symbol.asyncDispose]: () => worker.stop({ graceMs: 0 }),
  };
}

/** As {@link testWorker}, started. */
export function startWorker(queue: TestQueue, options: TestWorkerOptions = {}): TestWorker {
  const started = testWorker(queue, options);
  started.worker.start();
  return started;
}
