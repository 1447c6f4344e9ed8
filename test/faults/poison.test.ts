import { expect, test } from "vitest";

import { faultyProcess } from "../support/faulty-process.ts";
import { jobRow } from "../support/job-rows.ts";
import { DRAINS, WORKS, poisonAlone, poisonBuffered } from "../support/poison.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";

const queue = await testQueue();
/** A process is begun for each; as many as by default: test/faults/long. */
const ATTEMPTS = 2;

test.for([
  ["worker", WORKS],
  ["drain", DRAINS],
] as const)(
  "8: a poison job among 1,000 that a %s has buffered: it alone ends FAILED",
  async ([, options]) => {
    await poisonBuffered(queue, ATTEMPTS, options);
  },
);

test("8: a job that kills its process has exactly max_attempts starts and ends FAILED; the others finish", async () => {
  await poisonAlone(queue, [1, ATTEMPTS]);
});

test.for([1, 2, 3, 5])(
  "8: a job that provokes a shutdown each time is released ten times, then has its %i attempts and ends FAILED",
  async (maxAttempts) => {
    const id = await queue.insert({ max_attempts: String(maxAttempts) });
    let starts = 0;
    while ((await jobRow(queue, id))["status"] === "READY") {
      await queue.rows("UPDATE jobs SET run_after = now()");
      const started = Promise.withResolvers<undefined>();
      const { worker } = startWorker(queue, {
        handlers: {
          a: async ({ signal }) => {
            starts += 1;
            const aborted = new Promise((_resolve, reject) => {
              signal.addEventListener("abort", () => {
                reject(new Error("told to end"));
              });
            });
            started.resolve(undefined);
            await aborted;
          },
        },
      });
      await started.promise;
      await worker.stop({ graceMs: 0 });
    }
    expect(starts).toBe(10 + maxAttempts);
    expect(await jobRow(queue, id)).toMatchObject({ status: "FAILED", attempts: maxAttempts, released: 10 });
  },
);

test("8: so does one that sends its own process a SIGTERM", async () => {
  const id = await queue.insert({ max_attempts: "1", released: "9" });
  const options = { url: queue.url, handlers: { a: "ends its process" }, shutdownGraceSeconds: 0 } as const;
  for (const status of ["READY", "FAILED"]) {
    expect(await faultyProcess(options).ended).toEqual({ code: 0, signal: null });
    expect(await jobRow(queue, id)).toMatchObject({ status, released: 10 });
  }
});
