import { expect, test } from "vitest";

import type { SqlStatement } from "../../src/core/executor.ts";
import { noting } from "../support/between.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;
const dedupeKey = "user:42";
const conflict = { name: "DedupeConflictError", dedupeKey, jobType: "mail" };

test.for(["READY", "RUNNING"])(
  "a dedupe key that a %s job of another type has is an error that names that job, and nothing is written",
  async (status) => {
    const id = await queue.insert({ job_type: "'mail'", dedupe_key: "'user:42'", status: `'${status}'` });
    const before = await queue.image(id);
    await expect(store.enqueue("charge", {}, { dedupeKey })).rejects.toMatchObject({
      ...conflict,
      jobId: id,
      index: 0,
      message: `enqueue: jobs[0].dedupeKey is active under another type: job ${id} of the type mail; nothing was written`,
    });
    expect(await queue.rows("SELECT FROM jobs")).toHaveLength(1);
    expect(await queue.image(id)).toBe(before);
    expect(await store.enqueue("mail", {}, { dedupeKey })).toEqual({ id, created: false });
  },
);

test("of many jobs none is written then, whatever their keys, and the error says which one it was", async () => {
  const { id } = await store.enqueue("mail", {}, { dedupeKey });
  const jobs = [
    { type: "charge", payload: {} },
    { type: "charge", payload: {}, dedupeKey: "user:41" },
    { type: "mail", payload: {}, dedupeKey: "user:43" },
    { type: "charge", payload: {}, dedupeKey },
  ];
  await expect(store.enqueueMany(jobs)).rejects.toMatchObject({
    ...conflict,
    jobId: id,
    index: 3,
    message: expect.stringContaining("jobs[3].dedupeKey") as string,
  });
  expect(await queue.rows("SELECT FROM jobs")).toHaveLength(1);
  const [, own] = await store.enqueueMany([...jobs.slice(0, 3), { type: "mail", payload: {}, dedupeKey }]);
  expect(own).toMatchObject({ created: true });
  expect(await queue.rows("SELECT FROM jobs")).toHaveLength(4);
});

test("nor is one where the table makes its ids itself", async () => {
  const { id } = await store.enqueue("mail", {}, { dedupeKey });
  await queue.rows(
    "ALTER TABLE jobs ALTER COLUMN id SET DEFAULT (extract(epoch FROM clock_timestamp()) * 1e6)::int8",
  );
  const { store: own } = await queue.session();
  const jobs = [
    { type: "charge", payload: {} },
    { type: "charge", payload: {}, dedupeKey },
  ];
  await expect(own.enqueueMany(jobs)).rejects.toMatchObject({ ...conflict, jobId: id, index: 1 });
  expect(await queue.rows("SELECT FROM jobs")).toHaveLength(1);
  await queue.rows("ALTER TABLE jobs ALTER COLUMN id SET DEFAULT nextval('jobs_id_seq')");
});

test("in a transaction of the caller's the server raises nothing: what was written before is committed", async () => {
  await store.enqueue("mail", {}, { dedupeKey });
  const { store: own, client } = await queue.session();
  await client.query("BEGIN");
  const inside = own.with(client);
  await inside.enqueue("order", {});
  await expect(inside.enqueue("charge", {}, { dedupeKey })).rejects.toMatchObject(conflict);
  await expect(
    inside.enqueueMany([
      { type: "order", payload: {} },
      { type: "charge", payload: {}, dedupeKey },
    ]),
  ).rejects.toMatchObject(conflict);
  await client.query("COMMIT");
  expect(await queue.rows("SELECT job_type AS type FROM jobs ORDER BY id")).toEqual([
    { type: "mail" },
    { type: "order" },
  ]);
});

test("two types with one key in one call are refused before anything is sent", async () => {
  const sent: SqlStatement[] = [];
  const { store: own } = await queue.session({ between: noting(sent) });
  const jobs = ["mail", "mail", "charge"].map((type) => ({ type, payload: {}, dedupeKey }));
  await expect(own.enqueueMany(jobs)).rejects.toMatchObject({
    name: "InvalidInputError",
    field: "jobs[2].dedupeKey",
    expected: "a key that no mail before it has",
  });
  expect(sent).toEqual([]);
});

test("a key that a rival of another type has committed while the enqueue waits is that error too", async () => {
  const [rival, own] = [await queue.session(), await queue.session()];
  await rival.client.query("BEGIN; INSERT INTO jobs (job_type, dedupe_key) VALUES ('mail', 'user:42')");
  const enqueued = own.store.enqueue("charge", {}, { dedupeKey }).catch((error: unknown) => error);
  await queue.blocked(own.pid);
  await rival.client.query("COMMIT");
  expect(await enqueued).toMatchObject(conflict);
  expect(await queue.rows("SELECT FROM jobs")).toHaveLength(1);
});

test("a key whose job of another type has ended is free", async () => {
  await queue.insert({ job_type: "'mail'", dedupe_key: "'user:42'", status: "'DONE'" });
  expect(await store.enqueue("charge", {}, { dedupeKey })).toMatchObject({ created: true });
});

test("the statement for lists tells the other job's type, and raises nothing", async () => {
  const { id } = await store.enqueue("mail", {}, { dedupeKey });
  const { text, params } = await store.enqueueStatement("charge", {}, { dedupeKey });
  expect(await queue.rows(text, params)).toEqual([{ id, created: "false", type: "mail" }]);
  const own = await store.enqueueStatement("charge", {}, { dedupeKey: "another" });
  expect(await queue.rows(own.text, own.params)).toMatchObject([{ created: "true", type: null }]);
});
