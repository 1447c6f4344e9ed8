import { expect, test } from "vitest";

import { pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

test("a release gives the attempt back ten times, and counts from then on", async () => {
  const id = await queue.insert({ max_attempts: "2" });
  const attempts = [];
  for (let n = 0; n < 11; n += 1) {
    const job = await pickUpOne(store);
    attempts.push(job.attempts);
    expect(await store.release(job)).toMatchObject({ status: "READY" });
  }
  expect(attempts).toEqual(Array.from({ length: 11 }, () => 1));
  const last = await pickUpOne(store);
  expect(last.attempts).toBe(2);
  expect(await store.release(last)).toMatchObject({ status: "FAILED" });
  expect(await store.get(id)).toMatchObject({
    status: "FAILED",
    attempts: 2,
    finishedAt: expect.any(Date) as Date,
    // Or nobody would know why a job ended that never failed.
    lastError: "given back by shutdowns 10 times: from now on such an attempt counts",
  });
  // It counts the attempts given back.
  expect(await queue.rows("SELECT released FROM jobs")).toEqual([{ released: 10 }]);
});

test("a release gives the only attempt back too", async () => {
  const id = await queue.insert({ max_attempts: "1" });
  expect(await store.release(await pickUpOne(store))).toMatchObject({ status: "READY" });
  expect(await store.get(id)).toMatchObject({ status: "READY", attempts: 0, finishedAt: null });
});

test.for([
  ["retry", { outcome: "retry", error: "no", due: 0 }],
  ["snooze", { outcome: "snooze", due: 0 }],
] as const)("a settlement that is no release (%s) is not counted as one", async ([, end]) => {
  await queue.insert();
  const job = await pickUpOne(store);
  await store.turn({ settlements: [{ job, durationMs: 1, ...end }] });
  expect(await queue.rows("SELECT status, released FROM jobs")).toEqual([{ status: "READY", released: 0 }]);
});

test("a release keeps the job's due time, so that it does not go behind the others", async () => {
  const first = await queue.insert({ run_after: "now() - interval '1 hour'" });
  await queue.insert();
  await store.release(await pickUpOne(store));
  expect(await pickUpOne(store)).toMatchObject({ id: first });
});
