import { expect, test } from "bun:test";
import { testQueue } from "pqrun/testing";

import { handlers, jobs, mails, signUp } from "./signup.ts";

// The first test of a process starts PGlite, which may take longer than Bun's 5 s.
test("who signs up is welcomed", async () => {
  await using queue = await testQueue({ jobs });
  await signUp(queue.store, 42);
  expect(await queue.enqueued("welcome")).toMatchObject([{ payload: { userId: 42 } }]);
  await queue.drainAll(handlers);
  expect(mails).toEqual(["welcome, 42", "still there, 42?"]);
}, 60_000);
