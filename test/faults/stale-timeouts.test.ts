import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Gate } from "../support/handlers.ts";
import { jobRow } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";

const queue = await testQueue();

test("36: runners with other leases and a stale timeout of a second reap no live job of a worker's", async () => {
  const id = await queue.insert();
  const gate = new Gate();
  await using patient = startWorker(queue, { leaseMs: 60_000, handlers: { a: () => gate.opened } });
  await patient.log.until("started");
  // It has run for an hour, as far as its row tells.
  await queue.rows("UPDATE jobs SET locked_at = now() - interval '1 h', updated_at = now() - interval '1 h'");
  const image = await queue.image(id);
  await using hasty = startWorker(queue, { leaseMs: 1_000, defaultTimeoutSeconds: 1 });
  await hasty.wire.answered(({ kind }) => kind === "turn");
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: { a: () => undefined },
    defaultTimeoutSeconds: 1,
    budgetMs: 1_000,
  });
  expect(report).toMatchObject({ reaped: 0, done: 0 });
  expect(await queue.store.reapStale(0)).toEqual([]);
  expect(await queue.image(id)).toBe(image);
  gate.open();
  await patient.log.until("done");
  expect(hasty.log.events).toEqual([]);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1 });
});

test("36: a drain's live job is its own, whatever the stale timeout of the worker beside it", async () => {
  const id = await queue.insert({ timeout_seconds: "3600" });
  const gate = new Gate();
  const started = Promise.withResolvers<undefined>();
  const a = async (): Promise<void> => {
    started.resolve(undefined);
    await gate.opened;
  };
  const drain = drainOnce({ store: pooledStore(queue), handlers: { a }, budgetMs: 20_000 });
  await started.promise;
  await queue.rows("UPDATE jobs SET locked_at = now() - interval '1 h', updated_at = now() - interval '1 h'");
  expect(await queue.store.reapStale(1)).toEqual([]);
  gate.open();
  expect(await drain).toMatchObject({ done: 1, lost: 0 });
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1 });
});
