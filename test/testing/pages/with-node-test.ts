import assert from "node:assert/strict";
import { test } from "node:test";

import { testQueue } from "pqrun/testing";

import { handlers, jobs, mails, signUp } from "./signup.ts";

test("who signs up is welcomed", async () => {
  await using queue = await testQueue({ jobs });
  await signUp(queue.store, 42);
  assert.deepEqual(
    (await queue.enqueued()).map(({ type, payload }) => ({ type, payload })),
    [{ type: "welcome", payload: { userId: 42 } }],
  );
  await queue.drainAll(handlers);
  assert.deepEqual(mails, ["welcome, 42", "still there, 42?"]);
});
