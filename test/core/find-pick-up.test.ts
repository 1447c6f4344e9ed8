import { expect, test } from "vitest";

import { pickUpOf, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

test("of a pick-up whose answer was lost only what still runs is found: a settlement leaves the nonce", async () => {
  for (let n = 0; n < 2; n += 1) await queue.insert();
  const pickUp = pickUpOf({ slots: 2 });
  const [settled, runs] = (await store.turn({ pickUp })).jobs;
  if (settled === undefined || runs === undefined) throw new Error("too few jobs");
  await store.markDone(settled);
  expect(await store.findPickUp([pickUp.lockedBy])).toEqual([runs]);
});
