import { expect, test } from "vitest";

import { asLeaseLost } from "../../src/core/sql/lease-lost.ts";
import { pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

test("settleIn settles with the transaction's own writes, or not at all", async () => {
  await queue.rows("CREATE TABLE effects (job text)");
  const { client } = await queue.session();
  for (const [end, status] of [
    ["ROLLBACK", "RUNNING"],
    ["COMMIT", "DONE"],
  ] as const) {
    await queue.insert();
    const job = await pickUpOne(store);
    await client.query("BEGIN");
    await client.query("INSERT INTO effects VALUES ($1)", [job.id]);
    await store.settleIn(client, job, { n: 1 }, 7);
    await client.query(end);
    expect(await store.get(job.id)).toMatchObject({ status });
    expect(await queue.rows("SELECT FROM effects WHERE job = $1", [job.id])).toHaveLength(
      status === "DONE" ? 1 : 0,
    );
  }
  expect(await store.list({ statuses: ["DONE"] })).toMatchObject([
    { result: { n: 1 }, durationMs: 7, leaseExpiresAt: null },
  ]);
});

test("settleIn without a result leaves the one that is there", async () => {
  const { client } = await queue.session();
  for (const [result, stored] of [
    [undefined, { part: 1 }],
    [null, { part: 1 }],
    [{ n: 1 }, { n: 1 }],
  ]) {
    const id = await queue.insert({ result: `'{"part": 1}'` });
    await client.query("BEGIN");
    await store.settleIn(client, await pickUpOne(store), result);
    await client.query("COMMIT");
    expect(await store.get(id)).toMatchObject({ status: "DONE", result: stored });
  }
});

test("a settlement after settleIn is answered already", async () => {
  await queue.insert();
  const job = await pickUpOne(store);
  const { client } = await queue.session();
  await client.query("BEGIN");
  await store.settleIn(client, job);
  await client.query("COMMIT");
  expect(await store.markDone(job)).toMatchObject({ verdict: "already" });
});

test("settleIn waits for who has the row locked: the transaction has only this job to wait for", async () => {
  const id = await queue.insert();
  const job = await pickUpOne(store);
  const [lock, own] = [await queue.session(), await queue.session()];
  await lock.client.query(`BEGIN; SELECT FROM jobs WHERE id = ${id} FOR UPDATE`);
  const settled = own.store.settleIn(own.client, job);
  await queue.blocked(own.pid);
  await lock.client.query("COMMIT");
  await settled;
  expect(await store.get(id)).toMatchObject({ status: "DONE" });
});

test("a reap that comes while settleIn waits wins, and the transaction can only be rolled back", async () => {
  await queue.insert();
  const job = await pickUpOne(store);
  const [reaper, own] = [await queue.session(), await queue.session()];
  await reaper.client.query("BEGIN; UPDATE jobs SET status = 'READY', locked_by = NULL");
  await own.client.query("BEGIN");
  const settled = expect(own.store.settleIn(own.client, job)).rejects.toMatchObject({
    name: "LeaseLostError",
    jobId: job.id,
  });
  await queue.blocked(own.pid);
  await reaper.client.query("COMMIT");
  await settled;
  await expect(own.client.query("SELECT 1")).rejects.toMatchObject({ code: "25P02" });
});

test("a list of statements with settleStatement in it is refused as a whole when the lease is gone", async () => {
  await queue.insert();
  const job = await pickUpOne(store);
  await store.cancel(job.id);
  await queue.rows("CREATE TABLE writes (n int)");
  const { client } = await queue.session();
  const { text, params } = store.settleStatement(job, { n: 1 });
  await client.query("BEGIN; INSERT INTO writes VALUES (1)");
  await expect(client.query(text, [...params])).rejects.toMatchObject({
    message: expect.stringContaining("lease lost") as string,
  });
  await client.query("COMMIT");
  expect(await queue.rows("SELECT FROM writes")).toEqual([]);
});

test("only the lost lease is taken for a lost lease, however the error is wrapped", async () => {
  await queue.insert();
  const job = await pickUpOne(store);
  await store.cancel(job.id);
  const { text, params } = store.settleStatement(job);
  const lost = await queue.rows(text, params).catch((error: unknown) => error);
  expect(asLeaseLost(lost, job.id)).toMatchObject({ name: "LeaseLostError", jobId: job.id, cause: lost });
  // Query builders put the statement's text into their message, and the driver's error behind it.
  const wrapped = (cause: unknown): Error =>
    new Error(`Failed query: ${text}\nparams: ${params.join()}`, { cause });
  expect(asLeaseLost(wrapped(lost), job.id)).toMatchObject({ name: "LeaseLostError" });
  const other = wrapped(Object.assign(new Error("terminating connection"), { code: "57P01" }));
  expect(asLeaseLost(other, job.id)).toBe(other);
});

test("a retry by hand whose key is active again says so, and ends no transaction", async () => {
  const failed = await queue.insert({ status: "'FAILED'", dedupe_key: "'k'" });
  const active = await queue.insert({ dedupe_key: "'k'" });
  const blocked = { retried: false, status: "FAILED", blockedBy: active };
  expect(await store.retry(failed)).toEqual(blocked);
  const { client, store: own } = await queue.session();
  await client.query("BEGIN; INSERT INTO jobs (job_type) VALUES ('mine')");
  expect(await own.with(client).retry(failed)).toEqual(blocked);
  await client.query("COMMIT");
  expect(await store.list({ types: ["mine"] })).toHaveLength(1);
});

test("a retry by hand that waits for the enqueue of its key says so, and ends no transaction", async () => {
  for (const within of [false, true]) {
    const failed = await queue.insert({ status: "'FAILED'", dedupe_key: "'k'" });
    const [enqueuing, retrying] = [await queue.session(), await queue.session()];
    await enqueuing.client.query("BEGIN");
    const { id } = await enqueuing.store.with(enqueuing.client).enqueue("a", {}, { dedupeKey: "k" });
    if (within) await retrying.client.query("BEGIN; INSERT INTO jobs (job_type) VALUES ('mine')");
    const retried = (within ? retrying.store.with(retrying.client) : retrying.store).retry(failed);
    await queue.blocked(retrying.pid);
    await enqueuing.client.query("COMMIT");
    expect(await retried).toEqual({ retried: false, status: "FAILED", blockedBy: id });
    if (within) await retrying.client.query("COMMIT");
    expect(await store.list({ types: ["mine"] })).toHaveLength(within ? 1 : 0);
    await queue.rows("TRUNCATE jobs");
  }
});
