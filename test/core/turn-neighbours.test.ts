import { expect, test } from "vitest";

import type { PickedUpJob } from "../../src/core/job.ts";
import { pickUpOf, pickUpOne, testQueue, type TestStore } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const reap = { defaultTimeoutSeconds: 1_200 };
const settle = (by: TestStore, ...jobs: readonly PickedUpJob[]): Promise<unknown> =>
  by.turn({
    settlements: jobs.map((job) => ({ job, durationMs: 1, outcome: "done", resultText: null })),
  });
const extend = (by: TestStore, ...jobs: readonly PickedUpJob[]): Promise<unknown> => by.extend(jobs, 60_000);

/** A store whose transaction stays open: what it has locked is locked until the test is over. */
async function holding(): Promise<TestStore> {
  const { store: own, client } = await queue.session();
  await client.query("BEGIN");
  return own;
}

async function insertAll(...jobs: readonly Readonly<Record<string, string>>[]): Promise<string[]> {
  const ids = [];
  for (const values of jobs) ids.push(await queue.insert(values));
  return ids;
}

test.for([
  ["settles", settle],
  ["extends", extend],
] as const)("who %s a job has no other of the running jobs locked", async ([, act]) => {
  await insertAll({}, {});
  const [mine, others] = [await pickUpOne(store), await pickUpOne(store)];
  await act(await holding(), mine);
  expect(await store.markDone(others)).toMatchObject({ verdict: "settled" });
});

test.for([
  ["settles", settle],
  ["extends", extend],
] as const)("who %s a job too late has it not locked, so that it can be picked up", async ([, act]) => {
  const id = await queue.insert();
  const zombie = await pickUpOne(store, { leaseMs: 0 });
  await store.reapStale();
  await act(await holding(), zombie);
  expect(await pickUpOne(store)).toMatchObject({ id });
});

test("a stale and a current fence of one job in one extension are told apart", async () => {
  await queue.insert();
  const stale = await pickUpOne(store);
  await store.markError(stale, "no", 0);
  const current = await pickUpOne(store);
  const answers = await store.extend([stale, current], 60_000);
  const verdicts = new Map(answers.map(({ lockedBy, verdict }) => [lockedBy, verdict]));
  expect([stale, current].map(({ lockedBy }) => verdicts.get(lockedBy))).toEqual(["lost", "extended"]);
});

test.for([
  ["settled", settle],
  ["extended", extend],
] as const)("a job is not %s by the fence of another job of the same pick-up", async ([, act]) => {
  await insertAll({}, {});
  const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: 2 }) });
  const [first, second] = jobs;
  if (first === undefined || second === undefined) throw new Error("too few jobs");
  const image = await queue.image(first.id);
  await act(store, { ...first, lockedBy: "zombie:1" }, second);
  expect(await queue.image(first.id)).toBe(image);
});

test("a turn that only asks what is due locks nothing", async () => {
  const id = await queue.insert();
  expect(await (await holding()).turn({ pickUp: pickUpOf({ slots: 0 }) })).toMatchObject({ more: true });
  expect(await pickUpOne(store)).toMatchObject({ id });
});

test("a pick-up locks one job of a type more than it takes, however many priorities there are", async () => {
  const [first, , third, fourth] = await insertAll({ priority: "1" }, { priority: "1" }, {}, {});
  const { jobs } = await (await holding()).turn({ pickUp: pickUpOf() });
  expect(jobs.map(({ id }) => id)).toEqual([first]);
  const others = await store.turn({ pickUp: pickUpOf({ slots: 4 }) });
  expect(others.jobs.map(({ id }) => id)).toEqual([third, fourth]);
});

test("a reap that can't take all takes the jobs that were enqueued first", async () => {
  const [first, second] = await insertAll({}, {});
  await store.turn({ pickUp: pickUpOf({ slots: 2, leaseMs: 0 }) });
  // The first row is now behind the second in the table.
  await queue.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 s' WHERE id = $1", [first]);
  const { store: own, client } = await queue.session();
  // No index that happens to have the order.
  await client.query("SET enable_indexscan = off; SET enable_bitmapscan = off");
  const reaped = async (): Promise<unknown> => (await own.turn({ reap: { ...reap, limit: 1 } })).reaped;
  expect([await reaped(), await reaped()]).toMatchObject([[{ id: first }], [{ id: second }]]);
});

test.for([
  ["retry", { outcome: "retry", error: "no", due: 0 }],
  ["fail", { outcome: "fail", error: "no" }],
  ["snooze", { outcome: "snooze", due: 0 }],
  ["release", { outcome: "release" }],
] as const)("a settlement that is not done (%s) leaves the result that is there", async ([, end]) => {
  const id = await queue.insert({ result: `'{"so": "far"}'` });
  const job = await pickUpOne(store);
  await store.turn({ settlements: [{ job, durationMs: 1, ...end }] });
  expect(await store.get(id)).toMatchObject({ result: { so: "far" } });
});

test.for([
  ["done", { outcome: "done", resultText: null }],
  ["fail", { outcome: "fail", error: "no" }],
] as const)("what a turn ends (%s) is not due, now or later", async ([, end]) => {
  await queue.insert();
  const job = await pickUpOne(store);
  const settlements = [{ job, durationMs: 1, ...end }];
  expect(await store.turn({ settlements, pickUp: pickUpOf() })).toMatchObject({
    more: false,
    nextDueInMs: null,
  });
});

test("what a turn fails by a reap is not due, now or later", async () => {
  await queue.insert({ max_attempts: "1" });
  await pickUpOne(store, { leaseMs: 0 });
  const answer = await store.turn({ reap, pickUp: pickUpOf() });
  expect(answer).toMatchObject({ reaped: [{ status: "FAILED" }], more: false, nextDueInMs: null });
});

test("a turn that left more to do says nothing of what comes later, which nobody will wait for", async () => {
  const [released, , locked] = await insertAll({ priority: "2" }, { priority: "1" }, {});
  await queue.insert({ run_after: "now() + interval '1 hour'" });
  const job = await pickUpOne(store);
  await pickUpOne(store);
  expect(job.id).toBe(released);
  const { client } = await queue.session();
  await client.query(`BEGIN; SELECT FROM jobs WHERE id = ${String(locked)} FOR UPDATE`);
  const answer = await store.turn({
    settlements: [{ job, durationMs: null, outcome: "release" }],
    pickUp: pickUpOf(),
  });
  const nothing = { contended: false, nextDueInMs: null, nextLeaseEndInMs: null };
  expect(answer).toMatchObject({ jobs: [], more: true, ...nothing });
});

test("a due job that somebody has locked hides no later job's due time", async () => {
  const locked = await queue.insert();
  await queue.insert({ run_after: "now() + interval '1 hour'" });
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query("SELECT FROM jobs WHERE id = $1 FOR UPDATE", [locked]);
  expect(await store.turn({ pickUp: pickUpOf() })).toMatchObject({
    jobs: [],
    contended: true,
    nextDueInMs: expect.closeTo(3_600_000, -5) as number,
  });
});

test("what is cancelled or finished is not waited for", async () => {
  await insertAll(
    { status: "'CANCELLED'", run_after: "now() + interval '10 minutes'" },
    { status: "'DONE'", run_after: "now() + interval '20 minutes'" },
    { run_after: "now() + interval '1 hour'" },
  );
  expect(await store.turn({ pickUp: pickUpOf() })).toMatchObject({
    nextDueInMs: expect.closeTo(3_600_000, -5) as number,
  });
});
