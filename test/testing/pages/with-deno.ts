import assert from "node:assert/strict";

import { testQueue } from "pqrun/testing";

import { handlers, jobs, mails, signUp } from "./signup.ts";

Deno.test("who signs up is welcomed", async () => {
  await using queue = await testQueue({ jobs });
  await signUp(queue.store, 42);
  const [job] = await queue.enqueued("welcome");
  assert.deepEqual(job?.payload, { userId: 42 });
  await queue.drainAll(handlers);
  assert.deepEqual(mails, ["welcome, 42", "still there, 42?"]);
});
