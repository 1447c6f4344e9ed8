import type { SqlExecutor } from "../../src/core/executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import type { JobEvent } from "../../src/runners/job/job-event.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { executor as ownExecutor } from "../../src/core/make-executor.ts";
import { deferred, equal, soon } from "./assert.ts";
import { queueOf } from "./queue.ts";
import type { Bench, Promises } from "./subject.ts";

/** A poll that comes too late for any test: what runs was woken. */
const NO_POLL = { delayMs: () => 3_600_000 };

/** What a worker promises over any driver. */
export function workerPromises<Tx>(promise: Promises<Tx>): void {
  promise("a worker runs what is there and what comes, until it is stopped", [], async (bench) => {
    const { store } = queueOf(bench);
    const events = new Events();
    await store.enqueueMany([1, 2, 3].map((n) => ({ type: "a", payload: { n } })));
    const handlers = { a: ({ payload }: { readonly payload: object }): object => ({ got: payload }) };
    const worker = new Worker({
      concurrency: 10,
      store,
      handlers,
      onEvent: events.add,
      idlePoll: NO_POLL,
      env: {},
    }).start();
    await events.next("done", 3);
    // An enqueue through the worker's own store wakes it.
    const { id } = await store.enqueue("a", { n: 4 });
    await events.next("done", 4);
    await soon(worker.stop(), "the stop");
    equal(worker.counts.done, 4);
    equal((await store.get(id))?.result, { got: { n: 4 } });
    await store.enqueue("a", {});
    equal(
      (await store.stats()).counts,
      { READY: 1, RUNNING: 0, DONE: 4, FAILED: 0, CANCELLED: 0 },
      "after the stop",
    );
  });

  promise("a plain INSERT wakes a worker that listens", ["listen", "hears"], async (bench) => {
    const { store } = queueOf(bench);
    const events = new Events();
    const options = { store, handlers: { a: () => undefined }, onEvent: events.add, env: {} };
    const worker = new Worker({ concurrency: 10, ...options, idlePoll: NO_POLL }).start();
    for (let count = 1; count <= 5; count += 1) {
      await insert(bench);
      await events.next("done", count);
    }
    await soon(worker.stop(), "the stop");
    equal(worker.counts.done, 5);
  });

  promise("a worker that can't listen polls", [], async (bench) => {
    const { executor } = bench;
    const deaf: SqlExecutor<Tx> = ownExecutor({
      query: (text, params, options) => executor.query(text, params, options),
    });
    const store = new PgJobStore(deaf, bench.table);
    const events = new Events();
    const options = { store, handlers: { a: () => undefined }, onEvent: events.add, env: {} };
    const worker = new Worker({ concurrency: 10, ...options, idlePoll: { delayMs: () => 20 } }).start();
    for (let count = 1; count <= 3; count += 1) {
      await insert(bench);
      await events.next("done", count);
    }
    await soon(worker.stop(), "the stop");
    equal(worker.counts.done, 3);
  });

  promise("a stopped worker gives the attempts of aborted handlers back", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const started = deferred<undefined>();
    let reason: unknown;
    const handlers = {
      a: async ({ signal }: { readonly signal: AbortSignal }): Promise<void> => {
        const stopped = deferred<undefined>();
        signal.addEventListener("abort", () => stopped.resolve(undefined));
        started.resolve(undefined);
        await stopped.promise;
        reason = (signal.reason as { readonly reason?: unknown }).reason;
        throw new Error("stopped");
      },
    };
    const { id } = await store.enqueue("a", {});
    const worker = new Worker({ concurrency: 10, store, handlers, idlePoll: NO_POLL, env: {} }).start();
    await soon(started.promise, "the handler's start");
    await soon(worker.stop({ graceMs: 0 }), "the stop");
    equal([reason, worker.counts.released], ["shutdown", 1]);
    equal([(await job(id)).status, (await job(id)).attempts], ["READY", 0]);
  });
}

/** As anybody may enqueue. */
async function insert<Tx>({ sql, names }: Bench<Tx>): Promise<void> {
  await sql(`INSERT INTO ${names.jobs} (job_type, payload) VALUES ('a', '{}')`);
}

/** What a worker told, and a way to wait for it. */
class Events {
  readonly #events: JobEvent[] = [];
  #arrived = deferred<undefined>();

  readonly add = (event: JobEvent): void => {
    this.#events.push(event);
    this.#arrived.resolve(undefined);
    this.#arrived = deferred();
  };

  /** Resolves once there have been `count` of them. */
  async next(name: JobEvent["event"], count: number): Promise<void> {
    while (this.#events.filter(({ event }) => event === name).length < count) {
      await soon(this.#arrived.promise, `${name} number ${count}`);
    }
  }
}
