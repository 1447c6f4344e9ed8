import { expect, test } from "vitest";

import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const reap = { defaultTimeoutSeconds: 1_200 };
const endLease = (id: string): Promise<unknown> =>
  queue.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 minute' WHERE id = $1", [id]);

test.for([
  ["done", { outcome: "done", resultText: null }, "DONE"],
  ["retry", { outcome: "retry", error: "no", due: 60_000 }, "READY"],
  ["fail", { outcome: "fail", error: "no" }, "FAILED"],
  ["snooze", { outcome: "snooze", due: 60_000 }, "READY"],
  ["release", { outcome: "release" }, "READY"],
] as const)(
  "a reap leaves out a job whose lease has ended and that the same turn settles as %s",
  async ([, end, status]) => {
    await queue.insert();
    const job = await pickUpOne(store);
    await endLease(job.id);
    const answer = await store.turn({ settlements: [{ job, durationMs: 1, ...end }], reap });
    expect(answer.settlements).toMatchObject([{ verdict: "settled", status }]);
    expect(answer.reaped).toEqual([]);
    expect(await store.get(job.id)).toMatchObject({ status, lockedBy: job.lockedBy });
  },
);

test("a reap leaves out the jobs that its caller names as running, and takes the others", async () => {
  const [mine, other] = [await queue.insert(), await queue.insert()];
  await store.turn({ pickUp: pickUpOf({ slots: 2 }) });
  await Promise.all([mine, other].map(endLease));
  const { reaped } = await store.turn({ reap, running: [mine] });
  expect(reaped).toEqual([{ id: other, type: "a", status: "READY" }]);
  expect(await store.get(mine)).toMatchObject({ status: "RUNNING" });
});

test("`more` leaves out what the turn picked up, and counts what it left", async () => {
  await Promise.all([queue.insert(), queue.insert(), queue.insert()]);
  expect(await store.turn({ pickUp: pickUpOf({ slots: 2 }) })).toMatchObject({ more: true });
  expect(await store.turn({ pickUp: pickUpOf({ slots: 1 }) })).toMatchObject({ more: false });
});

test.for([
  ["retried", { outcome: "retry", error: "no", due: 0 }],
  ["snoozed", { outcome: "snooze", due: 0 }],
  ["released", { outcome: "release" }],
] as const)("`more` counts a job %s by the same turn, which the next turn picks up", async ([, end]) => {
  await queue.insert();
  const job = await pickUpOne(store);
  const request = { settlements: [{ job, durationMs: 1, ...end }], pickUp: pickUpOf({ slots: 5 }) };
  expect(await store.turn(request)).toMatchObject({ jobs: [], more: true });
  expect(await store.turn({ pickUp: pickUpOf() })).toMatchObject({ jobs: [{ id: job.id }], more: false });
});

test("`more` counts a job reaped by the same turn, which the next turn picks up", async () => {
  await queue.insert();
  const job = await pickUpOne(store);
  await endLease(job.id);
  const answer = await store.turn({ reap, pickUp: pickUpOf() });
  expect(answer).toMatchObject({ jobs: [], reaped: [{ id: job.id, status: "READY" }], more: true });
  expect(await pickUpOne(store)).toMatchObject({ id: job.id, attempts: 2 });
});

test("`more` leaves out what the turn made due for types that its caller doesn't handle", async () => {
  await queue.insert();
  const job = await pickUpOne(store);
  const settlement = { job, durationMs: 1, outcome: "release" } as const;
  const answer = await store.turn({ settlements: [settlement], pickUp: pickUpOf({ types: ["b"] }) });
  expect(answer).toMatchObject({ more: false, nextDueInMs: null });
});

const MINUTE = 60_000;

test.for([
  ["what the turn made READY", MINUTE, 10 * MINUTE, MINUTE],
  ["the table's", 10 * MINUTE, MINUTE, MINUTE],
] as const)("the next due time is the least of all: %s", async ([, settled, inTable, least]) => {
  const id = await queue.insert();
  const job = await pickUpOne(store);
  await queue.insert({ run_after: `now() + ${inTable} * interval '1 ms'` });
  await queue.insert({ job_type: "'b'", run_after: "now() + interval '1 s'" });
  const { nextDueInMs, more } = await store.turn({
    settlements: [{ job, durationMs: 1, outcome: "retry", error: "no", due: settled }],
    pickUp: pickUpOf({ slots: 5 }),
  });
  expect(more).toBe(false);
  // Between the insertion and this turn some time has passed.
  expect(nextDueInMs).toBeGreaterThan(least - 20_000);
  expect(nextDueInMs).toBeLessThanOrEqual(least);
  expect(await store.get(id)).toMatchObject({ status: "READY" });
});

test("the next due time is the least over a type's priorities and over all types asked for", async () => {
  await queue.insert({ priority: "9", run_after: "now() + interval '3 hours'" });
  await queue.insert({ priority: "-9", run_after: "now() + interval '2 hours'" });
  await queue.insert({ job_type: "'b'", run_after: "now() + interval '1 hour'" });
  const due = async (types: string[]): Promise<number> =>
    Math.ceil(((await store.turn({ pickUp: pickUpOf({ types }) })).nextDueInMs ?? 0) / 3_600_000);
  expect([await due(["a"]), await due(["a", "b"]), await due(["c"])]).toEqual([2, 1, 0]);
});

test("what the turn has settled is no lease to wait for, and what others run is", async () => {
  await Promise.all([queue.insert(), queue.insert()]);
  const mine = await pickUpOne(store, { leaseMs: 1_000 });
  const { nextLeaseEndInMs: before } = await store.turn({ reap });
  expect(before).toBeLessThanOrEqual(1_000);
  await pickUpOne(store, { leaseMs: 3_600_000 });
  const settlement = { job: mine, durationMs: 1, outcome: "done", resultText: null } as const;
  const { nextLeaseEndInMs } = await store.turn({ settlements: [settlement], reap });
  expect(nextLeaseEndInMs).toBeGreaterThan(3_500_000);
  expect(nextLeaseEndInMs).toBeLessThanOrEqual(3_600_000);
});

test("the leases of jobs that the caller runs are not waited for", async () => {
  await queue.insert();
  const { id } = await pickUpOne(store);
  expect(await store.turn({ reap, running: [id] })).toMatchObject({ nextLeaseEndInMs: null });
});

test("a lease that ended, but lies beyond the reap's limit, is to be reaped at once", async () => {
  await Promise.all([queue.insert(), queue.insert()]);
  const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: 2 }) });
  await Promise.all(jobs.map(({ id }) => endLease(id)));
  const first = await store.turn({ reap: { ...reap, limit: 1 } });
  expect(first.reaped).toHaveLength(1);
  expect(first.nextLeaseEndInMs).toBe(0);
  const second = await store.turn({ reap: { ...reap, limit: 1 } });
  expect(second.reaped).toHaveLength(1);
  expect(second.nextLeaseEndInMs).toBeNull();
});
