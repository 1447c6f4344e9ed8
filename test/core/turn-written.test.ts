import { expect, test } from "vitest";

import { jobRow } from "../support/job-rows.ts";
import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const FREE = { locked_at: null, locked_by: null, lease_holder: null, lease_expires_at: null };
const DATE = expect.any(Date) as Date;

test.for([
  ["DONE", { outcome: "done", resultText: null }],
  ["FAILED", { outcome: "fail", error: "no" }],
] as const)("a job that is settled %s with attempts left says when it finished", async ([status, end]) => {
  const id = await queue.insert();
  const job = await pickUpOne(store);
  await store.turn({ settlements: [{ job, durationMs: 1, ...end }] });
  expect(await store.get(id)).toMatchObject({ status, finishedAt: DATE });
});

test("a running job has neither finished nor failed, whatever the attempt before it left", async () => {
  const id = await queue.insert({ finished_at: "now()", duration_ms: "7" });
  await pickUpOne(store);
  const fresh = { status: "RUNNING", finished_at: null, last_error: null, duration_ms: null };
  expect(await jobRow(queue, id)).toMatchObject({ ...fresh, locked_at: DATE });
});

test("a job FAILED at its pick-up, for it has no attempt left, is held by nobody", async () => {
  const id = await queue.insert({ attempts: "5" });
  await store.turn({ pickUp: pickUpOf() });
  expect(await jobRow(queue, id)).toMatchObject({ ...FREE, status: "FAILED", finished_at: DATE });
});
