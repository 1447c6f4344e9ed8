import { expect, test } from "vitest";

import type { TurnAnswer } from "../../src/core/turn/turn-answer.ts";
import { ActivityMonitor } from "../../src/runners/worker/activity.ts";

const found = (jobs: number, more = false): TurnAnswer =>
  ({ jobs: Array.from({ length: jobs }), more }) as unknown as TurnAnswer;

/** Looks every 5 ms from one moment to another. */
function looking(activity: ActivityMonitor, from: number, to: number, answer: TurnAnswer): boolean {
  for (let now = from; now <= to; now += 5) activity.polled(answer, now);
  return activity.busy;
}

test("a worker that finds one job a look is not busy: its writer loses nothing by notifying", () => {
  expect(looking(new ActivityMonitor(), 0, 5_000, found(1))).toBe(false);
});

test("one that finds several is, and a single look that finds many is not", () => {
  expect(looking(new ActivityMonitor(), 0, 500, found(2))).toBe(true);
  expect(looking(new ActivityMonitor(), 0, 0, found(500))).toBe(false);
});

test("a backlog makes it busy after a second, however few jobs it finds", () => {
  expect(looking(new ActivityMonitor(), 0, 990, found(1, true))).toBe(false);
  expect(looking(new ActivityMonitor(), 0, 1_000, found(1, true))).toBe(true);
});

test("it is idle once it has found nothing for 50 ms, not at the first empty look", () => {
  const activity = new ActivityMonitor();
  looking(activity, 0, 600, found(5));
  expect(looking(activity, 605, 645, found(0))).toBe(true);
  expect(looking(activity, 650, 650, found(0))).toBe(false);
});
