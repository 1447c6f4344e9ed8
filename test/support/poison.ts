import { expect } from "vitest";

import { faultyProcess, type FaultyOptions } from "./faulty-process.ts";
import { insertJobs, jobRow } from "./job-rows.ts";
import type { TestQueue } from "./queue.ts";

/** Buffers of a thousand. */
export const WORKS = { maxBuffer: 1_000 } as const satisfies Partial<FaultyOptions>;
export const DRAINS = { budgetMs: 20_000, batchSize: 1_000 } as const satisfies Partial<FaultyOptions>;

interface Life {
  /** Starts of the jobs that kill their process. */
  readonly starts: number;
  /** How many rows the first death left RUNNING. */
  readonly heldAtFirstDeath: number;
}

/** Starts such a process again and again, until nothing is left to do; each death's leases end at once. */
async function untilDone(
  queue: TestQueue,
  dies: string,
  ends: string,
  options: Partial<FaultyOptions> = {},
): Promise<Life> {
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

/** A job that kills its process, among 1,000 that are picked up with it. @throws where another one suffers for it */
export async function poisonBuffered(
  queue: TestQueue,
  maxAttempts: number,
  options: Partial<FaultyOptions>,
): Promise<void> {
  await insertJobs(queue, 600, "ok");
  const id = await queue.insert({ job_type: "'dies'", max_attempts: String(maxAttempts) });
  await insertJobs(queue, 400, "ok");
  const { starts, heldAtFirstDeath } = await untilDone(queue, "dies", "ok", options);
  expect(heldAtFirstDeath).toBeGreaterThan(50);
  expect(starts).toBe(maxAttempts);
  expect(await jobRow(queue, id)).toMatchObject({ status: "FAILED", attempts: maxAttempts });
  expect(
    await queue.rows("SELECT job_type, status, count(*)::int AS n FROM jobs GROUP BY 1, 2 ORDER BY 1"),
  ).toEqual([
    { job_type: "dies", status: "FAILED", n: 1 },
    { job_type: "ok", status: "DONE", n: 1_000 },
  ]);
}

/** Jobs that kill their processes, one for each number of attempts. @throws where one starts once too often or too seldom */
export async function poisonAlone(queue: TestQueue, attempts: readonly number[]): Promise<void> {
  await Promise.all(
    attempts.map(async (maxAttempts) => {
      const [dies, ok] = [`dies ${maxAttempts}`, `ok ${maxAttempts}`];
      await insertJobs(queue, 15, ok);
      const id = await queue.insert({ job_type: `'${dies}'`, max_attempts: String(maxAttempts) });
      await insertJobs(queue, 15, ok);
      expect(await untilDone(queue, dies, ok)).toMatchObject({ starts: maxAttempts });
      expect(await jobRow(queue, id)).toMatchObject({ status: "FAILED", attempts: maxAttempts });
    }),
  );
  expect(
    await queue.rows("SELECT status, count(*)::int AS n FROM jobs WHERE job_type LIKE 'ok%' GROUP BY 1"),
  ).toEqual([{ status: "DONE", n: 30 * attempts.length }]);
}
