import { expect, test } from "vitest";

import { faultyProcess } from "../support/faulty-process.ts";
import { jobRow } from "../support/job-rows.ts";
import { overlappingDrains } from "../support/overlapping-drains.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

test("28: five overlapping drains with time enough: each job starts once, and all are DONE", async () => {
  const tally = await overlappingDrains(queue, { rounds: 20, jobs: 100, budgetMs: 10_000, takesMs: 0 });
  expect(tally).toMatchObject({ duplicates: 0, done: 2_000, leftRunning: 0, unsettled: 0 });
});

test("28: five overlapping drains whose budgets end amid a backlog: none late, none twice, none left RUNNING", async () => {
  const tally = await overlappingDrains(queue, { rounds: 4, jobs: 2_000, budgetMs: 500, takesMs: 20 });
  // Half a second may be too short for a last statement beside load: what was not settled is told.
  expect(tally).toMatchObject({ duplicates: 0, leftRunning: 0, untold: 0 });
  expect(tally.clean).toBeGreaterThan(0);
  expect(tally.done).toBeGreaterThan(0);
  expect(tally.overshootMs).toBeLessThanOrEqual(250);
});

test("28: of a drain that is killed at its deadline the leases end within 10 s after", async () => {
  const id = await queue.insert();
  const startedAt = Date.now();
  const drain = faultyProcess({ url: queue.url, handlers: { a: "hangs" }, budgetMs: 1_000 });
  await drain.until("started");
  drain.kill("SIGKILL");
  expect(await drain.ended).toMatchObject({ signal: "SIGKILL" });
  const { status, lease_expires_at: end, locked_at: start } = await jobRow(queue, id);
  expect(status).toBe("RUNNING");
  if (!(end instanceof Date) || !(start instanceof Date)) throw new Error("no lease");
  expect(start.getTime()).toBeGreaterThanOrEqual(startedAt);
  // The budget began before the pick-up: what is left of it, and 10 s.
  expect(end.getTime() - start.getTime()).toBeLessThanOrEqual(11_000);
  expect(end.getTime() - start.getTime()).toBeGreaterThan(10_000);
  await queue.rows("UPDATE jobs SET lease_expires_at = now()");
  expect(await queue.store.reapStale()).toMatchObject([{ id, status: "READY" }]);
});
