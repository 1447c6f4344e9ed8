import { expect, test } from "vitest";

import { overlappingDrains } from "../../support/overlapping-drains.ts";
import { testQueue } from "../../support/queue.ts";

const queue = await testQueue();

test("28: five overlapping drains, 1,000 times: no duplicate, nothing left RUNNING", async () => {
  const tally = await overlappingDrains(queue, { rounds: 1_000, jobs: 50, budgetMs: 10_000, takesMs: 0 });
  console.log(tally);
  expect(tally).toMatchObject({ duplicates: 0, done: 50_000, leftRunning: 0, unsettled: 0 });
});

test("28: five overlapping drains whose budgets end amid a backlog, 100 times: overshoot at most 250 ms", async () => {
  const tally = await overlappingDrains(queue, { rounds: 100, jobs: 2_000, budgetMs: 500, takesMs: 20 });
  console.log(tally);
  // Half a second may be too short for a last statement beside load: what was not settled is told.
  expect(tally).toMatchObject({ duplicates: 0, leftRunning: 0, untold: 0 });
  expect(tally.clean).toBeGreaterThan(50);
  expect(tally.overshootMs).toBeLessThanOrEqual(250);
});
