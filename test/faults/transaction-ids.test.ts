import { afterAll, expect, test } from "vitest";

import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { faultClients } from "../support/fault-clients.ts";
import { migratedServer } from "../support/killed-server.ts";
import { withClient } from "../support/postgres.ts";
import { pickUpOf } from "../support/queue.ts";

// Ids are the whole server's: on this one nobody else takes any.
const server = await migratedServer({ autovacuum: "off" });
const client = faultClients.pg(server.url, 4);
const store = new PgJobStore(client.executor);
afterAll(async () => {
  await client.end();
  await server[Symbol.asyncDispose]();
});

/** How many transaction ids the server gave out meanwhile. */
async function idsUsed(work: () => Promise<unknown>): Promise<number> {
  const next = (): Promise<number> =>
    withClient(server.url, async (asking) => {
      const { rows } = await asking.query<{ n: string }>(
        "SELECT txid_snapshot_xmax(txid_current_snapshot())::text AS n",
      );
      return Number(rows[0]?.n);
    });
  const before = await next();
  await work();
  return (await next()) - before;
}

test("21: a job alone costs three transaction ids: enqueue, pick-up, settlement", async () => {
  const ids = await idsUsed(async () => {
    await store.enqueue("a", {});
    const { jobs } = await store.turn({ pickUp: pickUpOf() });
    for (const job of jobs) await store.markDone(job);
  });
  expect(ids).toBe(3);
});

test("21: a thousand jobs together cost few: one for their enqueue, and less than one in thirty for their drain", async () => {
  const ids = await idsUsed(async () => {
    await store.enqueueMany(Array.from({ length: 1_000 }, () => ({ type: "a", payload: {} })));
    const handlers = { a: () => undefined };
    const report = await drainOnce({ store, handlers, budgetMs: 20_000, concurrency: 100 });
    expect(report.done).toBe(1_000);
  });
  console.log(`21: ${ids} transaction ids for 1,000 jobs`);
  expect(ids).toBeLessThanOrEqual(30);
});
