import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { sqlState } from "../../src/core/sql-state.ts";
import { drainOnce } from "../../src/runners/drain-once.ts";
import { testQueue, type TestStore } from "../support/queue.ts";

const queue = await testQueue();
await queue.rows(readFileSync(new URL("../../sql/patterns/roles.sql", import.meta.url), "utf8"));

async function storeOf(role: string): Promise<TestStore> {
  const { store, client } = await queue.session();
  await client.query(`SET ROLE ${role}`);
  return store;
}

const DENIED = "42501";

async function refused(work: Promise<unknown>): Promise<void> {
  expect(await work.then(() => "allowed", sqlState)).toBe(DENIED);
}

test("a producer enqueues, with dedupe keys too, and does nothing else", async () => {
  const store = await storeOf("pqrun_producer");
  const { id } = await store.enqueue("a", { n: 1 }, { dedupeKey: "k" });
  expect(await store.enqueue("a", { n: 2 }, { dedupeKey: "k" })).toEqual({ id, created: false });
  await store.enqueueMany([
    { type: "a", payload: {} },
    { type: "a", payload: {}, dedupeKey: "l" },
  ]);
  await refused(store.get(id));
  await refused(store.cancel(id));
  await refused(store.pickup({ types: ["a"] }));
  await refused(store.prune({ olderThanSeconds: 0 }));
});

test("a worker runs, retries, cancels and prunes jobs, and can't touch the table", async () => {
  const store = await storeOf("pqrun_worker");
  const { id } = await store.enqueue("a", { n: 1 });
  const report = await drainOnce({ store, handlers: { a: () => ({ ok: true }) }, budgetMs: 5_000 });
  expect(report).toMatchObject({ done: 1, stoppedBy: "empty" });
  expect((await store.get(id))?.status).toBe("DONE");
  expect(await store.prune({ olderThanSeconds: 0 })).toMatchObject({ deleted: 1 });
  const { client } = await queue.session();
  await client.query("SET ROLE pqrun_worker");
  await refused(client.query("TRUNCATE jobs"));
  await refused(client.query("ALTER TABLE jobs ADD COLUMN more int"));
});

test("a viewer counts jobs, and sees no payload and no result", async () => {
  const { id } = await queue.store.enqueue("a", { secret: true });
  const store = await storeOf("pqrun_viewer");
  expect((await store.stats()).counts.READY).toBe(1);
  await refused(store.get(id));
  await refused(store.enqueue("a", {}));
});
