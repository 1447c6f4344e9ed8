import { fileURLToPath, pathToFileURL } from "node:url";

import { expect, test } from "vitest";

import { faultyProcess, type FaultyProcess } from "../support/faulty-process.ts";
import { jobRow } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const AHEAD = new URL("../support/hour-ahead.ts", import.meta.url);
const BEHIND = new URL("../support/hour-behind.ts", import.meta.url);
const CLOCKS = [
  ["an hour ahead", AHEAD],
  ["an hour behind", BEHIND],
] as const;

const HANDLERS = {
  ok: "ends",
  fails: "fails",
  "retries in a minute": "retries in a minute",
  "snoozes for a minute": "snoozes for a minute",
  hangs: "hangs",
} as const;

function clientOff(preload: URL, options: { readonly budgetMs?: number } = {}): FaultyProcess {
  const enqueue = Object.keys(HANDLERS);
  const nodeOptions = ["--import", pathToFileURL(fileURLToPath(preload)).href];
  return faultyProcess({ url: queue.url, handlers: HANDLERS, enqueue, ...options }, nodeOptions);
}

/** Seconds between two of the database's times of a job. */
async function secondsBetween(from: string, to: string, type: string): Promise<number> {
  const [row] = await queue.rows(
    `SELECT extract(epoch FROM ${to} - ${from})::float8 AS s FROM jobs WHERE job_type = $1`,
    [type],
  );
  return Number(row?.["s"]);
}

test.for(CLOCKS)(
  "14: a client whose clock is %s enqueues, runs, retries, snoozes and leases by the database's",
  async ([, preload]) => {
    // Neither due nor lost, however it looks from there; and one that is both due and lost.
    const future = await queue.insert({ job_type: "'ok'", run_after: "now() + interval '30 min'" });
    const live = await queue.insert({
      job_type: "'ok'",
      status: "'RUNNING'",
      attempts: "1",
      locked_by: "'x'",
      lease_holder: "'x'",
      locked_at: "now()",
      lease_expires_at: "now() + interval '30 min'",
    });
    const lost = await queue.insert({
      job_type: "'ok'",
      status: "'RUNNING'",
      attempts: "1",
      locked_by: "'x'",
      lease_holder: "'x'",
      locked_at: "now() - interval '30 min'",
      lease_expires_at: "now() - interval '1 s'",
    });
    const worker = clientOff(preload);
    for (const said of [`done ok ${lost}`, "started hangs", "retried fails", "retried retries", "snoozed"])
      await worker.until(said);
    expect(await jobRow(queue, future)).toMatchObject({ status: "READY", attempts: 0 });
    expect(await jobRow(queue, live)).toMatchObject({ status: "RUNNING", attempts: 1 });
    const done = (): Promise<unknown[]> => queue.rows("SELECT 1 FROM jobs WHERE status = 'DONE'");
    await expect.poll(done).toHaveLength(2);
    // A minute, varied by a tenth, from the settlement on: all by the database's clock.
    expect(Math.abs((await secondsBetween("updated_at", "run_after", "fails")) - 60)).toBeLessThanOrEqual(6);
    for (const type of ["retries in a minute", "snoozes for a minute"])
      expect(await secondsBetween("updated_at", "run_after", type)).toBeCloseTo(60, 2);
    expect(await secondsBetween("locked_at", "lease_expires_at", "hangs")).toBeCloseTo(30, 2);
    // The clock that is wrong is wrong by an hour.
    for (const column of ["created_at", "updated_at", "locked_at"])
      expect(Math.abs(await secondsBetween(column, "now()", "hangs"))).toBeLessThan(600);
    worker.kill("SIGKILL");
    await worker.ended;
  },
);

test.for(CLOCKS)(
  "14: a drain whose clock is %s ends on its budget, and its leases 10 s after",
  async ([, preload]) => {
    const drain = clientOff(preload, { budgetMs: 2_000 });
    await drain.until("started hangs");
    const seconds = await secondsBetween("locked_at", "lease_expires_at", "hangs");
    expect(seconds).toBeGreaterThan(10);
    expect(seconds).toBeLessThanOrEqual(12);
    expect(await drain.ended).toEqual({ code: 0, signal: null });
    expect(JSON.parse(drain.said.at(-1) ?? "")).toMatchObject({
      done: 1,
      retried: 3,
      snoozed: 1,
      stoppedBy: "budget",
    });
  },
);

test("14: a Date is a moment, of whichever clock, and is stored as it is", async () => {
  const runAfter = new Date(Date.now() + 3_600_000);
  const { id } = await queue.store.enqueue("a", {}, { runAfter });
  expect((await queue.store.get(id))?.runAfter).toEqual(runAfter);
  expect(await queue.store.pickup({ types: ["a"] })).toEqual([]);
});
