import { expect, test } from "vitest";

import { faultyProcess, type FaultyOptions } from "../support/faulty-process.ts";
import { insertJobs, jobRow } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";

const queue = await testQueue();

interface Life {
  /** Starts of the jobs that kill their process. */
  readonly starts: number;
  /** How many rows the first death left RUNNING. */
  readonly heldAtFirstDeath: number;
}

/** Starts such a process again and again, until nothing is left to do; each death's leases end at once. */
async function untilDone(dies: string, ends: string, options: Partial<FaultyOptions> = {}): Promise<Life> {
  const types = [dies, ends];
  const count = async (statuses: string): Promise<number> => {
    const [row] = await queue.rows(
      `SELECT count(*)::int AS n FROM jobs WHERE job_type = ANY ($1) AND status IN (${statuses})`,
      [types],
    );
    return Number(row?.["n"]);
  };
  let starts = 0;
  let heldAtFirstDeath = 0;
  while ((await count("'READY', 'RUNNING'")) > 0) {
    const child = faultyProcess({
      url: queue.url,
      concurrency: 10,
      handlers: { [dies]: "kills its process", [ends]: "ends" },
      ...options,
    });
    const over = child.ended.then(() => true);
    while ((await count("'READY', 'RUNNING'")) > 0 && !(await Promise.race([over, tick()])));
    child.kill("SIGKILL");
    await over;
    starts += child.said.filter((line) => line.startsWith(`started ${dies} `)).length;
    heldAtFirstDeath ||= await count("'RUNNING'");
    await queue.rows(
      "UPDATE jobs SET lease_expires_at = now() WHERE status = 'RUNNING' AND job_type = ANY ($1)",
      [types],
    );
  }
  return { starts, heldAtFirstDeath };
}

/** False, after the event loop has run. */
const tick = (): Promise<boolean> =>
  new Promise((resolve) => {
    setTimeout(resolve, 20, false);
  });

test.for([
  ["worker", { maxBuffer: 1_000 }],
  ["drain", { budgetMs: 20_000, batchSize: 1_000 }],
] as const)(
  "8: a poison job among 1,000 that a %s has buffered: it alone ends FAILED",
  { timeout: 90_000 },
  async ([, options]) => {
    await insertJobs(queue, 600, "ok");
    const id = await queue.insert({ job_type: "'dies'" });
    await insertJobs(queue, 400, "ok");
    const { starts, heldAtFirstDeath } = await untilDone("dies", "ok", options);
    expect(heldAtFirstDeath).toBeGreaterThan(50);
    expect(starts).toBe(5);
    expect(await jobRow(queue, id)).toMatchObject({ status: "FAILED", attempts: 5 });
    expect(
      await queue.rows("SELECT job_type, status, count(*)::int AS n FROM jobs GROUP BY 1, 2 ORDER BY 1"),
    ).toEqual([
      { job_type: "dies", status: "FAILED", n: 1 },
      { job_type: "ok", status: "DONE", n: 1_000 },
    ]);
  },
);

test(
  "8: a job that kills its process has exactly max_attempts starts and ends FAILED; the others finish",
  { timeout: 90_000 },
  async () => {
    await Promise.all(
      [1, 2, 3, 5].map(async (maxAttempts) => {
        const [dies, ok] = [`dies ${maxAttempts}`, `ok ${maxAttempts}`];
        await insertJobs(queue, 15, ok);
        const id = await queue.insert({ job_type: `'${dies}'`, max_attempts: String(maxAttempts) });
        await insertJobs(queue, 15, ok);
        expect(await untilDone(dies, ok)).toMatchObject({ starts: maxAttempts });
        expect(await jobRow(queue, id)).toMatchObject({ status: "FAILED", attempts: maxAttempts });
      }),
    );
    expect(
      await queue.rows("SELECT status, count(*)::int AS n FROM jobs WHERE job_type LIKE 'ok%' GROUP BY 1"),
    ).toEqual([{ status: "DONE", n: 120 }]);
  },
);

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
