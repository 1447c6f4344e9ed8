import { test } from "vitest";

import { DRAINS, WORKS, poisonAlone, poisonBuffered } from "../../support/poison.ts";
import { testQueue } from "../../support/queue.ts";

const queue = await testQueue();

test.for([
  ["worker", WORKS],
  ["drain", DRAINS],
] as const)(
  "8: a poison job with five attempts among 1,000 that a %s has buffered: it alone ends FAILED",
  async ([, options]) => {
    await poisonBuffered(queue, 5, options);
  },
);

test("8: jobs that kill their process have exactly one, two, three and five starts, and end FAILED", async () => {
  await poisonAlone(queue, [1, 2, 3, 5]);
});
