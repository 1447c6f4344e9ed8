import { afterEach, expect, test, vi } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";

const queue = await testQueue();
const nothing = (): void => undefined;

afterEach(() => {
  vi.useRealTimers();
  vi.resetModules();
});

test("a drain returns under a test's fake timers, and a worker runs and stops", async () => {
  await insertJobs(queue, 30);
  vi.useFakeTimers();
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: { a: nothing },
    budgetMs: 20_000,
    maxJobs: 20,
  });
  expect(report).toMatchObject({ done: 20, unsettled: 0 });
  const worker = startWorker(queue);
  await worker.log.until("done", 10);
  await worker.worker.stop();
  expect(await jobsByStatus(queue)).toEqual({ DONE: 30 });
});

test("so does one that was loaded when they were there already", async () => {
  await insertJobs(queue, 20);
  vi.resetModules();
  vi.useFakeTimers();
  const { drainOnce: loadedLate } = await import("../../src/runners/drain/drain-once.ts");
  expect(loadedLate).not.toBe(drainOnce);
  const report = await loadedLate({
    store: pooledStore(queue),
    handlers: { a: () => Promise.resolve() },
    budgetMs: 20_000,
  });
  expect(report).toMatchObject({ done: 20, stoppedBy: "empty" });
});

test("its budget ends by the runtime's timers, not by the test's", async () => {
  await insertJobs(queue, 1);
  vi.useFakeTimers();
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: { a: () => new Promise(nothing) },
    budgetMs: 1_500,
  });
  expect(report).toMatchObject({ stoppedBy: "budget", retried: 1 });
});

test("where the runtime's timers can't be had a runner says so at once, by name", async () => {
  const options = { store: pooledStore(queue), handlers: { a: nothing } };
  // As Bun's fake timers do, which are the same functions.
  Object.assign(setTimeout, { clock: true });
  try {
    const refused = {
      name: "InvalidInputError",
      message: expect.stringContaining("not fake timers") as string,
    };
    await expect(drainOnce({ ...options, budgetMs: 5_000 })).rejects.toMatchObject(refused);
    expect(() => new Worker({ ...options, env: {} })).toThrow(expect.objectContaining(refused));
  } finally {
    Reflect.deleteProperty(setTimeout, "clock");
  }
});
