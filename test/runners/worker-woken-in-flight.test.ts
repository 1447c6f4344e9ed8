import { expect, test } from "vitest";

import type { SqlExecutor } from "../../src/core/executor.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { executor as ownExecutor } from "../../src/core/make-executor.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const NO_POLL = { delayMs: () => 3_600_000 };

test("a worker that is woken while a turn is under way looks again, as that turn may be too early", async () => {
  const [answered, goOn, done] = [signal(), signal(), signal()];
  let turns = 0;
  const { store } = await queue.session({
    between: (executor): SqlExecutor =>
      ownExecutor({
        query: async (text, params, options) => {
          const rows = await executor.query(text, params, options);
          turns += 1;
          if (turns === 1) {
            answered.fire();
            await goOn.fired;
          }
          return rows;
        },
      }),
  });
  const worker = new Worker({
    store,
    handlers: { a: () => done.fire() },
    idlePoll: NO_POLL,
    env: {},
  }).start();
  await answered.fired;
  await queue.insert();
  worker.wake();
  goOn.fire();
  await done.fired;
  await worker.stop();
  expect(worker.counts.done).toBe(1);
});

function signal(): { readonly fired: Promise<void>; readonly fire: () => void } {
  let fire = (): void => undefined;
  const fired = new Promise<void>((resolve) => {
    fire = resolve;
  });
  return { fired, fire: () => fire() };
}
