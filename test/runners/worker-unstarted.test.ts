import { expect, test } from "vitest";

import { PgJobStore } from "../../src/core/store.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { executor } from "../../src/core/make-executor.ts";

const store = new PgJobStore(executor({ query: () => Promise.reject(new Error("nothing is sent")) }));
const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

test.each([{ WORKER_ENABLED: "false" }, {}])(
  "a worker that did not start stops at once, and keeps no process alive: %j",
  async (env) => {
    const worker = new Worker({ store, handlers: { a: () => undefined }, env });
    if ("WORKER_ENABLED" in env) worker.start();
    const before = timers();
    await worker.stop();
    await worker.stop({ graceMs: 0 });
    expect(timers()).toBe(before);
  },
);
