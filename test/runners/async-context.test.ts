import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { EventLog } from "../support/event-log.ts";
import { insertJobs } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { testWorker } from "../support/test-worker.ts";

const queue = await testQueue();
const tenant = new AsyncLocalStorage<string>();

/** In which contexts handlers have started. Each enters one of its own in its first line, before or after it waits. */
class Starts {
  readonly seen: (string | undefined)[] = [];

  readonly handler = async ({ job }: { readonly job: { readonly id: string } }): Promise<void> => {
    this.seen.push(tenant.getStore());
    if (Number(job.id) % 3 === 0) await Promise.resolve();
    tenant.enterWith(`job ${job.id}`);
    if (Number(job.id) % 2 === 0) await sleep(1);
    expect(tenant.getStore()).toBe(`job ${job.id}`);
  };

  get contexts(): readonly (string | undefined)[] {
    return [...new Set(this.seen)];
  }
}

test("each handler of a drain starts in the async context of the drain's caller", async () => {
  await insertJobs(queue, 40);
  const starts = new Starts();
  const report = await tenant.run("caller", async () => {
    const drained = await drainOnce({
      store: pooledStore(queue),
      handlers: { a: starts.handler },
      concurrency: 2,
      batchSize: 10,
      budgetMs: 60_000,
    });
    expect(tenant.getStore()).toBe("caller");
    return drained;
  });
  expect(report.done).toBe(40);
  expect(starts.contexts).toEqual(["caller"]);
});

test("each handler of a worker starts in the async context in which the worker was started, whatever wakes it", async () => {
  await insertJobs(queue, 300);
  const [starts, log] = [new Starts(), new EventLog()];
  const toldIn = new Set<string | undefined>();
  await using worker = testWorker(queue, {
    concurrency: 3,
    handlers: { a: starts.handler },
    onEvent: (event) => {
      if (event.event === "started" || event.event === "done") toldIn.add(tenant.getStore());
      log.onEvent(event);
    },
  });
  tenant.run("start", () => worker.worker.start());
  await log.until("done", 300);
  await tenant.run("request", () => worker.store.enqueue("a", {}));
  await log.until("done", 301);
  await queue.insert();
  tenant.run("another request", () => {
    worker.worker.wake();
  });
  await log.until("done", 302);
  expect(starts.contexts).toEqual(["start"]);
  expect([...toldIn]).toEqual(["start"]);
});
