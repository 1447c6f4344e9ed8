import { expect, test } from "vitest";

import { NotifiedPolls } from "../../src/runners/worker/notified-polls.ts";

/** Looks as soon as one is due, finding nothing, while something is heard each millisecond: how often within a second. */
function looksInASecond(sure: boolean): readonly number[] {
  const looks = new NotifiedPolls();
  const counts: number[] = [];
  for (let second = 0; second < 5; second += 1) {
    let count = 0;
    for (let now = second * 1_000; now < (second + 1) * 1_000; now += 1) {
      looks.notified(now, sure);
      if (looks.at > now) continue;
      looks.sent(now);
      looks.polled(false, now);
      count += 1;
    }
    counts.push(count);
  }
  return counts;
}

test("of a sender that says that there may be work, and there is none, a worker takes one look a second", () => {
  expect(
    looksInASecond(false)
      .slice(1)
      .every((count) => count <= 1),
  ).toBe(true);
});

test("where it was its own, and others were quicker, it looks again within 25 ms", () => {
  expect(looksInASecond(true).slice(1)).toEqual([40, 40, 40, 40]);
});

test("a look that finds something ends the pauses", () => {
  const looks = new NotifiedPolls();
  for (let now = 0; now < 10_000; now += 1_000) {
    looks.notified(now, false);
    looks.sent(now);
    looks.polled(false, now);
  }
  looks.notified(9_001, false);
  expect(looks.at).toBe(10_000);
  looks.sent(10_000);
  looks.polled(true, 10_000);
  looks.notified(10_001, false);
  expect(looks.at).toBe(10_001);
});

test("what is heard while a look is under way is looked at after it", () => {
  const looks = new NotifiedPolls();
  looks.notified(0, true);
  looks.sent(0);
  looks.notified(1, true);
  looks.polled(true, 2);
  expect(looks.at).toBe(1);
});

test("a job that is due later is looked at then, and by whatever look leaves before", () => {
  const looks = new NotifiedPolls();
  looks.notified(5_000, true);
  looks.notified(3_000, true);
  expect(looks.at).toBe(3_000);
  // It learns itself when the next is due.
  looks.sent(1_000);
  expect(looks.at).toBe(Infinity);
  // A look that nothing was heard for is not in vain.
  looks.polled(false, 1_001);
  looks.notified(1_002, false);
  expect(looks.at).toBe(1_002);
});
