import { expect, test } from "vitest";

import { cancelMany, countMatching, deleteMany, redrive, runNow } from "../../src/operate.ts";
import type { BulkAnswer, JobFilter } from "../../src/operate.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

/** Each act with a state that it takes by itself, one that must be named, and one that it refuses. */
const ACTS = [
  ["redrive", redrive, "FAILED", "CANCELLED", "DONE", "READY"],
  ["cancelMany", cancelMany, "READY", "RUNNING", "DONE", "CANCELLED"],
] as const;

async function states(): Promise<Record<string, unknown>> {
  const rows = await queue.rows("SELECT status::text, count(*)::int AS n FROM jobs GROUP BY 1 ORDER BY 1");
  return Object.fromEntries(rows.map(({ status, n }) => [String(status), n] as const));
}

/** Calls it until nothing is left. */
async function all(act: typeof redrive, filter: JobFilter): Promise<BulkAnswer[]> {
  const answers: BulkAnswer[] = [];
  for (let beforeId: string | undefined; ;) {
    const answer = await act(store, { ...filter, beforeId });
    answers.push(answer);
    if (answer.next === null) return answers;
    beforeId = answer.next;
  }
}

test.each(ACTS)(
  "%s takes the jobs of a filter alone, and says which",
  async (_, act, usual, named, never, after) => {
    const [one, other] = [
      await queue.insert({ status: `'${usual}'` }),
      await queue.insert({ status: `'${usual}'` }),
    ];
    const also = await queue.insert({ status: `'${named}'`, job_type: "'b'" });
    const finished = await queue.insert({ status: `'${never}'` });
    const before = await queue.image(finished);
    expect(await act(store, { types: ["none"] })).toEqual({
      done: 0,
      ids: [],
      left: 0,
      next: null,
      leftOut: [],
    });
    expect(await act(store, { ids: [one, finished, "0"] })).toMatchObject({
      done: 1,
      ids: [one],
      leftOut: [],
    });
    expect(await act(store, {})).toMatchObject({ done: 1, ids: [other], left: 0, next: null });
    expect(await act(store, { statuses: [usual, named] })).toMatchObject({ done: 1, ids: [also] });
    expect(await states()).toEqual({ [after]: 3, [never]: 1 });
    expect(await queue.image(finished)).toBe(before);
    await expect(act(store, { statuses: [never] })).rejects.toMatchObject({ field: "statuses" });
    await expect(act(store, { limit: 1_001 })).rejects.toMatchObject({ field: "limit" });
    await expect(act(store, { type: "a" } as JobFilter)).rejects.toMatchObject({ field: "type" });
  },
);

test("2,500 FAILED jobs take three calls, each saying what is left and where to go on", async () => {
  await queue.rows("INSERT INTO jobs (job_type, status) SELECT 'a', 'FAILED' FROM generate_series(1, 2500)");
  expect(await countMatching(store, { statuses: ["FAILED"] })).toMatchObject({ count: 2_000 });
  const answers = await all(redrive, {});
  expect(answers.map(({ done, left }) => [done, left])).toEqual([
    [1_000, 1_000],
    [1_000, 500],
    [500, 0],
  ]);
  expect(answers[0]?.ids.at(-1)).toBe(answers[0]?.next);
  expect(await states()).toEqual({ READY: 2_500 });
  expect(await countMatching(store, { statuses: ["FAILED"] })).toEqual({ count: 0, next: null });
});

test("redriven jobs begin anew, are due at once and can be picked up", async () => {
  const failed = {
    status: "'FAILED'",
    attempts: "5",
    released: "3",
    finished_at: "now()",
    run_after: "now() + interval '1 h'",
  };
  const id = await queue.insert(failed);
  expect(await redrive(store, {})).toMatchObject({ ids: [id] });
  expect(await store.get(id)).toMatchObject({ status: "READY", attempts: 0, finishedAt: null });
  const { jobs } = await store.turn({ pickUp: pickUpOf() });
  expect(jobs).toMatchObject([{ id, attempts: 1 }]);
});

test("of FAILED jobs with one dedupe key the newest is redriven, and none whose key is active", async () => {
  const failed = (key: string): Promise<string> =>
    queue.insert({ status: "'FAILED'", dedupe_key: `'${key}'` });
  const [old, middle, newest] = [await failed("k"), await failed("k"), await failed("k")];
  const blocked = await failed("active");
  const active = await queue.insert({ dedupe_key: "'active'" });
  const twin = (id: string, blockedBy: string): object => ({ id, why: "twin", blockedBy });
  expect(await redrive(store, {})).toEqual({
    done: 1,
    ids: [newest],
    left: 0,
    next: null,
    leftOut: [twin(blocked, active), twin(middle, newest), twin(old, newest)],
  });
  expect(await redrive(store, {})).toMatchObject({ done: 0, leftOut: [{}, twin(middle, newest), {}] });
});

test("a key that becomes active while a redrive waits for its enqueue is left out, in a transaction of the caller's too", async () => {
  for (const within of [false, true]) {
    const [enqueuing, redriving] = [await queue.session(), await queue.session()];
    const failed = await queue.insert({ status: "'FAILED'", dedupe_key: "'k'" });
    const free = await queue.insert({ status: "'FAILED'" });
    await enqueuing.client.query("BEGIN");
    const { id } = await enqueuing.store.with(enqueuing.client).enqueue("a", {}, { dedupeKey: "k" });
    if (within) await redriving.client.query("BEGIN; INSERT INTO jobs (job_type) VALUES ('mine')");
    const redriven = redrive(within ? redriving.store.with(redriving.client) : redriving.store, {});
    await queue.blocked(redriving.pid);
    await enqueuing.client.query("COMMIT");
    expect(await redriven).toMatchObject({
      ids: [free],
      leftOut: [{ id: failed, why: "twin", blockedBy: id }],
    });
    if (within) await redriving.client.query("COMMIT");
    expect(await states()).toEqual(within ? { FAILED: 1, READY: 3 } : { FAILED: 1, READY: 2 });
    await queue.rows("TRUNCATE jobs");
  }
});

test("a row that another transaction has is left out, and holds up no other", async () => {
  const [held, free] = [await queue.insert(), await queue.insert()];
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query("SELECT FROM jobs WHERE id = $1 FOR NO KEY UPDATE", [held]);
  expect(await cancelMany(store, {})).toMatchObject({
    ids: [free],
    leftOut: [{ id: held, why: "locked", blockedBy: null }],
  });
  await client.query("ROLLBACK");
});

test("cancelled jobs that ran are not extended or settled any more", async () => {
  await queue.insert();
  const [job] = (await store.turn({ pickUp: pickUpOf() })).jobs;
  expect(await cancelMany(store, {})).toMatchObject({ done: 0 });
  expect(await cancelMany(store, { statuses: ["RUNNING"] })).toMatchObject({ ids: [job?.id] });
  await expect(store.markDone(job ?? { id: "0", attempts: 1, lockedBy: "" })).rejects.toMatchObject({
    name: "LeaseLostError",
  });
});

test("finished jobs are deleted by their state or their ids, never by a filter that names neither", async () => {
  const done = await queue.insert({ status: "'DONE'" });
  const failed = await queue.insert({ status: "'FAILED'", job_type: "'b'" });
  const ready = await queue.insert();
  await expect(deleteMany(store, {})).rejects.toMatchObject({ field: "statuses" });
  await expect(deleteMany(store, { types: ["a"] })).rejects.toMatchObject({ field: "statuses" });
  await expect(deleteMany(store, { statuses: ["READY"] })).rejects.toMatchObject({ field: "statuses" });
  expect(await deleteMany(store, { statuses: ["DONE", "FAILED"], types: ["b"] })).toMatchObject({
    ids: [failed],
  });
  expect(await deleteMany(store, { ids: [done, ready] })).toMatchObject({ ids: [done], leftOut: [] });
  expect(await states()).toEqual({ READY: 1 });
});

test("a job that a foreign key holds is not deleted, and keeps no other, in a transaction of the caller's too", async () => {
  await queue.rows("CREATE TABLE notes (job bigint REFERENCES jobs (id))");
  try {
    const [held, first, second] = [
      await queue.insert({ status: "'DONE'" }),
      await queue.insert({ status: "'DONE'" }),
      await queue.insert({ status: "'FAILED'" }),
    ];
    await queue.rows("INSERT INTO notes VALUES ($1)", [held]);
    const leftOut = [{ id: held, why: "held", blockedBy: null }];
    expect(await deleteMany(store, { statuses: ["DONE"] })).toMatchObject({ ids: [first], leftOut });
    const { client, store: own } = await queue.session();
    await client.query("BEGIN");
    const within = await deleteMany(own.with(client), { statuses: ["DONE", "FAILED"] });
    expect(within).toMatchObject({ ids: [second], leftOut });
    await client.query("COMMIT");
    expect(await states()).toEqual({ DONE: 1 });
  } finally {
    await queue.rows("DROP TABLE notes");
  }
});

test("jobs that wait for their time are due now, and those that are due keep their place", async () => {
  const later = await queue.insert({ run_after: "now() + interval '1 h'" });
  const due = await queue.insert();
  const before = await queue.image(due);
  expect(await runNow(store, {})).toMatchObject({ ids: [later], leftOut: [] });
  expect(await queue.image(due)).toBe(before);
  const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: 2 }) });
  expect(jobs.map(({ id }) => id).sort()).toEqual([later, due].sort());
});
