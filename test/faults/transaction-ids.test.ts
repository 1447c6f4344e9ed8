import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain-once.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";
import { pooledStore } from "../support/pooled-store.ts";

const queue = await testQueue();

/** How many transaction ids the whole server gave out meanwhile: other tests may use it too, so the least of three is taken. */
async function idsUsed(work: () => Promise<unknown>): Promise<number> {
  const next = async (): Promise<number> => {
    const [row] = await queue.rows("SELECT txid_snapshot_xmax(txid_current_snapshot())::text AS n");
    return Number(row?.["n"]);
  };
  const used: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const before = await next();
    await work();
    used.push((await next()) - before);
  }
  return Math.min(...used);
}

test("21: a job alone costs at most three transaction ids: enqueue, pick-up, settlement", async () => {
  const ids = await idsUsed(async () => {
    await queue.store.enqueue("a", {});
    const { jobs } = await queue.store.turn({ pickUp: pickUpOf({ types: ["a"] }) });
    for (const job of jobs) await queue.store.markDone(job);
  });
  expect(ids).toBeGreaterThan(0);
  expect(ids).toBeLessThanOrEqual(3);
});

test("21: a thousand jobs together cost few: one for their enqueue, and less than one in fifty for their drain", async () => {
  const store = pooledStore(queue);
  const ids = await idsUsed(async () => {
    await store.enqueueMany(Array.from({ length: 1_000 }, () => ({ type: "a", payload: {} })));
    const report = await drainOnce({
      store,
      handlers: { a: () => undefined },
      budgetMs: 20_000,
      concurrency: 100,
    });
    expect(report.done).toBe(1_000);
  });
  console.log(`21: ${ids} transaction ids for 1,000 jobs`);
  expect(ids).toBeLessThanOrEqual(30);
});
