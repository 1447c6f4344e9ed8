import { expect, test } from "vitest";

import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

/** How a reap leaves a row; `locked_by` is NULL in it. */
const LOST = { last_error: "'lease lost: w:1 neither settled nor extended it'" };
const LOST_TWICE = { ...LOST, attempts: "2" };

/** What a pick-up of several takes where that job comes first and another is due. */
async function pickedWith(values: Readonly<Record<string, string>>): Promise<unknown[]> {
  await queue.insert({ priority: "1", ...values });
  await queue.insert();
  const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: 5, buffer: 5 }) });
  return jobs.map(({ attempts, alone }) => ({ attempts, alone }));
}

test.for([
  ["twice", LOST_TWICE, 3],
  ["with one attempt left", { ...LOST, attempts: "1", max_attempts: "2" }, 2],
] as const)("a job whose lease was lost %s is picked up alone", async ([, values, attempts]) => {
  expect(await pickedWith(values)).toEqual([{ attempts, alone: true }]);
});

test.for([
  ["lost once, with more attempts left", { ...LOST, attempts: "1" }, 2],
  ["retried by hand, so that its attempts begin anew", { ...LOST, max_attempts: "1" }, 1],
  ["failed twice by its handler at Python's", { attempts: "2", last_error: "'ValueError'" }, 3],
  ["settled since by who has held it", { ...LOST_TWICE, locked_by: "'w:2'" }, 3],
] as const)("a job that was %s is picked up with others", async ([, values, attempts]) => {
  expect(await pickedWith(values)).toEqual([
    { attempts, alone: false },
    { attempts: 1, alone: false },
  ]);
});

test("a job released after its lease was lost is not what its workers die of", async () => {
  const id = await queue.insert(LOST_TWICE);
  await store.release(await pickUpOne(store));
  expect(await pickUpOne(store)).toMatchObject({ id, attempts: 3, alone: false });
});

test("a reaped job whose max_attempts was lowered is FAILED, and keeps no neighbours back", async () => {
  expect(await pickedWith({ ...LOST_TWICE, max_attempts: "2" })).toEqual([{ attempts: 1, alone: false }]);
});

test("a pick-up ends before a job that has to be alone, and the next takes that one", async () => {
  const first = await queue.insert({ priority: "2" });
  const suspect = await queue.insert({ priority: "1", ...LOST_TWICE });
  const last = await queue.insert();
  const turn = async (): Promise<unknown> => {
    const { jobs, more } = await store.turn({ pickUp: pickUpOf({ slots: 5 }) });
    return [jobs.map(({ id }) => id), more];
  };
  expect([await turn(), await turn(), await turn()]).toEqual([
    [[first], true],
    [[suspect], true],
    [[last], false],
  ]);
});

test("a job's only attempt is not risked in a buffer", async () => {
  const [first, only, other] = [
    await queue.insert(),
    await queue.insert({ max_attempts: "1" }),
    await queue.insert(),
  ];
  const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: 1, buffer: 5 }) });
  expect(jobs.map(({ id }) => id)).toEqual([first, other]);
  expect(await pickUpOne(store)).toMatchObject({ id: only });
});
