import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { EventLog } from "../support/event-log.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

test("a settlement that the database refuses with and without what it carried is an event that names the job", async () => {
  const id = await queue.insert();
  await queue.rows("ALTER TABLE jobs ADD CONSTRAINT never CHECK (status <> 'DONE')");
  const log = new EventLog();
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: { a: () => ({ done: true }) },
    onEvent: log.onEvent,
    budgetMs: 10_000,
  });
  expect(report).toMatchObject({ done: 0, unsettled: 1 });
  expect(log.of("unsettled")).toMatchObject([
    { id, type: "a", attempts: 1, lastError: "the database refused the settlement twice (23514)" },
  ]);
  expect(await queue.store.get(id)).toMatchObject({ status: "RUNNING" });
  await queue.rows("ALTER TABLE jobs DROP CONSTRAINT never");
});
