import { expect, test } from "vitest";

import { raceCancels } from "../../support/cancel-race.ts";
import { testQueue } from "../../support/queue.ts";

const queue = await testQueue();

test("35: of 10,000 cancels and completions at one moment exactly one wins each time", async () => {
  const { cancelled, done, wrong } = await raceCancels(queue, 10_000);
  console.log(`10,000 races: ${cancelled} cancelled, ${done} DONE`);
  expect(wrong).toEqual([]);
  expect(cancelled + done).toBe(10_000);
  expect(Math.min(cancelled, done)).toBeGreaterThan(100);
});
