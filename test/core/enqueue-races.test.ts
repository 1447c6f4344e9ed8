import { expect, test } from "vitest";

import type { SqlStatement } from "../../src/core/executor.ts";
import { arrayOf } from "../support/array-text.ts";
import { around, noting, notingErrors } from "../support/between.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

const job = (dedupeKey: string): { type: string; payload: { key: string }; dedupeKey: string } => ({
  type: "a",
  payload: { key: dedupeKey },
  dedupeKey,
});
const insert = (...keys: string[]): string =>
  `INSERT INTO jobs (job_type, dedupe_key) VALUES ${keys.map((key) => `('a', '${key}')`).join(", ")}`;
const finish = (): Promise<unknown> => queue.rows("UPDATE jobs SET status = 'DONE' WHERE dedupe_key = 'k'");

test("of 12 connections that enqueue one key at once one creates the job, and all answer its id", async () => {
  const sessions = await Promise.all(Array.from({ length: 12 }, () => queue.session()));
  for (let round = 0; round < 20; round += 1) {
    const dedupeKey = `k${round}`;
    const answers = await Promise.all(sessions.map(({ store }) => store.enqueue("a", {}, { dedupeKey })));
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  }
  expect(await queue.rows("SELECT count(*)::int AS n FROM jobs")).toEqual([{ n: 20 }]);
});

test("a key whose rival commits while the enqueue waits is asked again, and answers the rival's job", async () => {
  const sent: SqlStatement[] = [];
  const [rival, own] = [await queue.session(), await queue.session({ between: noting(sent) })];
  await rival.client.query(`BEGIN; ${insert("k")}`);
  const enqueued = own.store.enqueue("a", {}, { dedupeKey: "k" });
  await queue.blocked(own.pid);
  await rival.client.query("COMMIT");
  const [row] = await queue.rows("SELECT id::text FROM jobs");
  expect(await enqueued).toEqual({ id: row?.["id"], created: false });
  expect(sent).toHaveLength(2);
});

test("a key whose rival rolls back while the enqueue waits is this caller's", async () => {
  const [rival, own] = [await queue.session(), await queue.session()];
  await rival.client.query(`BEGIN; ${insert("k")}`);
  const enqueued = own.store.enqueue("a", {}, { dedupeKey: "k" });
  await queue.blocked(own.pid);
  await rival.client.query("ROLLBACK");
  expect(await enqueued).toMatchObject({ created: true });
});

test("of many jobs only those are asked again whose rivals committed, and together", async () => {
  const sent: SqlStatement[] = [];
  const [rival, own] = [await queue.session(), await queue.session({ between: noting(sent) })];
  await rival.client.query(`BEGIN; ${insert("k1", "k2", "k3")}`);
  const enqueued = own.store.enqueueMany(["n1", "k3", "k1", "n2", "k2", "k1"].map(job));
  await queue.blocked(own.pid);
  await rival.client.query("COMMIT");
  const ids = new Map(
    (await queue.rows("SELECT dedupe_key, id::text FROM jobs")).map((row) => [row["dedupe_key"], row["id"]]),
  );
  const answers = await enqueued;
  expect(answers.map(({ created }) => created)).toEqual([true, false, false, true, false, false]);
  expect([1, 2, 4, 5].map((n) => answers[n]?.id)).toEqual(
    ["k3", "k1", "k2", "k1"].map((key) => ids.get(key)),
  );
  expect(sent).toHaveLength(2);
  expect(arrayOf(sent[1]?.params[0])).toHaveLength(4);
});

/** A rival with an open transaction that holds the key `k` at the start of each of those statements, and commits. */
async function cameAndWent(times: number): Promise<ReturnType<typeof queue.session>> {
  const rival = await queue.session();
  let round = 0;
  const own: ReturnType<typeof queue.session> = queue.session({
    between: around(async (send) => {
      round += 1;
      if (round > times) return await send();
      await rival.client.query(`BEGIN; ${insert("k")}`);
      const answer = send();
      await queue.blocked((await own).pid);
      await rival.client.query("COMMIT");
      const rows = await answer;
      await finish();
      return rows;
    }),
  });
  return await own;
}

test("a key whose rivals came and went is this caller's in the end", async () => {
  const { store } = await cameAndWent(5);
  expect(await store.enqueue("a", {}, { dedupeKey: "k" })).toMatchObject({ created: true });
});

test("a key is asked again at most five times; then the caller is told that nothing was written", async () => {
  const { store } = await cameAndWent(6);
  await expect(store.enqueue("a", {}, { dedupeKey: "k" })).rejects.toMatchObject({
    name: "DedupeConflictError",
    dedupeKey: "k",
  });
  expect(await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE status = 'READY'")).toEqual([{ n: 0 }]);
});

test("where some of many jobs are written and then one can't be, the caller is told that the outcome is unknown", async () => {
  const { store } = await cameAndWent(6);
  const many = store.enqueueMany([{ type: "a", payload: {} }, job("k")]);
  await expect(many).rejects.toMatchObject({
    name: "UnknownOutcomeError",
    cause: { name: "DedupeConflictError" },
  });
  expect(await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE status = 'READY'")).toEqual([{ n: 1 }]);
});

test("a rival's open transaction keeps waiting only who asks for its key", async () => {
  const [rival, other] = [await queue.session(), await queue.session()];
  await rival.client.query(`BEGIN; ${insert("k")}`);
  const [waiting, free] = [await queue.session(), await queue.session()];
  // One store over two connections, as over a pool.
  const connections = [waiting.client, free.client];
  const own = await queue.session({
    between: (executor) => ({
      ...executor,
      query: async (text, params = []) =>
        (await (connections.shift() ?? other.client).query<Record<string, unknown>>(text, [...params])).rows,
    }),
  });
  const enqueued = own.store.enqueue("a", {}, { dedupeKey: "k" });
  await queue.blocked(waiting.pid);
  expect(await own.store.enqueue("a", {})).toMatchObject({ created: true });
  expect(await own.store.enqueue("a", {}, { dedupeKey: "other" })).toMatchObject({ created: true });
  await rival.client.query("ROLLBACK");
  expect(await enqueued).toMatchObject({ created: true });
});

test("batches with the same keys in opposing orders never deadlock", { timeout: 120_000 }, async () => {
  const errors: unknown[] = [];
  const sessions = await Promise.all(
    Array.from({ length: 4 }, () => queue.session({ between: notingErrors(errors) })),
  );
  for (let round = 0; round < 10; round += 1) {
    const keys = Array.from({ length: 300 }, (_, n) => `${round}-${n}`);
    const orders = [keys, keys.toReversed(), keys.toSorted(() => Math.random() - 0.5), keys.toReversed()];
    const answers = await Promise.all(
      sessions.map(({ store }, n) => store.enqueueMany((orders[n] ?? keys).map(job))),
    );
    expect(answers.flat().filter(({ created }) => created)).toHaveLength(300);
  }
  expect(errors).toEqual([]);
});
