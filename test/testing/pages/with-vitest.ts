import { runJob, testQueue } from "pqrun/testing";
import { expect, test } from "vitest";

import { handlers, jobs, mails, signUp } from "./signup.ts";

test("who signs up is welcomed, and reminded a day later", async () => {
  await using queue = await testQueue({ jobs });
  await signUp(queue.store, 42);
  expect(await queue.enqueued("welcome")).toMatchObject([{ payload: { userId: 42 }, delayMs: 0 }]);
  const attempts = await queue.drainAll(handlers);
  expect(attempts.map(({ type, outcome }) => `${type} ${outcome}`)).toEqual([
    "welcome retried",
    "welcome done",
    "remind done",
  ]);
  expect(mails).toEqual(["welcome, 42", "still there, 42?"]);
});

test("the reminder waits for its day", async () => {
  await using queue = await testQueue({ jobs });
  await queue.store.enqueue("remind", { userId: 1 }, { delayMs: 86_400_000 });
  await queue.advance("23h59m");
  expect(await queue.drainAll(handlers, { advance: false })).toEqual([]);
  await queue.advance("1m");
  expect(await queue.drainAll(handlers, { advance: false })).toHaveLength(1);
});

test("one handler, without a database", async () => {
  const { enqueued } = await runJob(handlers.welcome, { payload: { userId: 1 }, attempts: 2 });
  expect(enqueued).toEqual([{ type: "remind", payload: { userId: 1 }, options: { delayMs: 86_400_000 } }]);
  await expect(runJob(handlers.welcome, { payload: { userId: 1 } })).rejects.toThrow("away");
});

test("inline, an enqueue has run its handler when it resolves", async () => {
  await using queue = await testQueue({ jobs });
  queue.inline({ remind: handlers.remind });
  mails.length = 0;
  await queue.store.enqueue("remind", { userId: 7 });
  expect(mails).toEqual(["still there, 7?"]);
});
