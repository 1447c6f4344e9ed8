import { expect, test } from "vitest";

import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const reap = async (defaultTimeoutSeconds = 1_200): Promise<string[]> =>
  (await store.reapStale(defaultTimeoutSeconds)).map(({ id }) => id);
const ago = (seconds: number): string => `now() - interval '${seconds} s'`;
/** A job that a Python worker runs. */
const python = (values: Readonly<Record<string, string>>): Promise<string> =>
  queue.insert({ status: "'RUNNING'", attempts: "1", locked_by: "'py-1'", locked_at: "now()", ...values });

test("a lease that has ended is reaped: READY again with its attempts, and who lost it is told", async () => {
  const id = await queue.insert();
  await pickUpOne(store, { leaseMs: 0, lockedBy: "host-1:x" });
  expect(await store.reapStale()).toEqual([{ id, type: "a", status: "READY" }]);
  expect(await store.get(id)).toMatchObject({
    attempts: 1,
    lastError: "lease lost: host-1:x neither settled nor extended it",
    finishedAt: null,
  });
});

test("a lost lease of the last attempt is FAILED", async () => {
  const id = await queue.insert({ max_attempts: "1" });
  await pickUpOne(store, { leaseMs: 0 });
  expect(await store.reapStale()).toEqual([{ id, type: "a", status: "FAILED" }]);
  expect(await store.get(id)).toMatchObject({ status: "FAILED", finishedAt: expect.any(Date) as Date });
});

test("a live lease is not reaped, however long ago it was locked and whatever its timeout", async () => {
  await queue.insert({ timeout_seconds: "1" });
  await pickUpOne(store, { leaseMs: 60_000 });
  await queue.rows(
    "UPDATE jobs SET locked_at = now() - interval '9 hours', updated_at = now() - interval '9 hours'",
  );
  expect(await reap(0)).toEqual([]);
});

test("a row that another than the lease's holder has locked is judged by the Python rule", async () => {
  // The Python package's worker took over a row in which our lease was left standing.
  const left = { lease_holder: "'pqrun:x'", lease_expires_at: ago(999) };
  await python({ ...left, locked_at: ago(100) });
  const stale = await python({ ...left, locked_at: ago(1_300) });
  const live = await python({
    lease_holder: "'pqrun:x'",
    lease_expires_at: "now() + interval '1 day'",
    locked_at: ago(1_300),
  });
  expect(await reap()).toEqual([stale, live]);
});

test("the Python rule: a row's own timeout, else the reaper's default", async () => {
  const ids = {
    ownPast: await python({ timeout_seconds: "60", locked_at: ago(61) }),
    ownNotYet: await python({ timeout_seconds: "5000", locked_at: ago(1_300) }),
    defaultPast: await python({ locked_at: ago(1_300) }),
    defaultNotYet: await python({ locked_at: ago(1_100) }),
  };
  expect(await reap(1_200)).toEqual([ids.ownPast, ids.defaultPast]);
  expect(await reap(1_000)).toEqual([ids.defaultNotYet]);
  expect(await reap(0)).toEqual([]);
});

test("a RUNNING row that was never locked is judged by when it was last written", async () => {
  const stale = await queue.insert({ status: "'RUNNING'", updated_at: ago(1_300) });
  await queue.insert({ status: "'RUNNING'", updated_at: ago(1_100) });
  expect(await store.reapStale()).toMatchObject([{ id: stale, status: "READY" }]);
  expect(await store.get(stale)).toMatchObject({
    lastError: "lease lost: nobody neither settled nor extended it",
  });
});

test("the soonest lease end counts Python's rows by their rule", async () => {
  await python({ timeout_seconds: "600", locked_at: ago(300) });
  await queue.insert();
  await pickUpOne(store, { leaseMs: 3_600_000 });
  const { nextLeaseEndInMs } = await store.turn({ reap: { defaultTimeoutSeconds: 1_200 } });
  expect(nextLeaseEndInMs).toBeGreaterThan(290_000);
  expect(nextLeaseEndInMs).toBeLessThanOrEqual(300_000);
});

test("a turn that doesn't reap doesn't know when Python's rows are lost, and counts ours alone", async () => {
  await python({});
  expect(await store.turn({ pickUp: pickUpOf() })).toMatchObject({ nextLeaseEndInMs: null });
  await queue.insert();
  await pickUpOne(store, { leaseMs: 3_600_000 });
  const { nextLeaseEndInMs } = await store.turn({ pickUp: pickUpOf() });
  expect(nextLeaseEndInMs).toBeGreaterThan(3_500_000);
});

test("no row that is not RUNNING is ever reaped, whatever its lease says", async () => {
  const lease = {
    locked_by: "'x'",
    lease_holder: "'x'",
    lease_expires_at: ago(9_999),
    locked_at: ago(9_999),
  };
  for (const status of ["READY", "DONE", "FAILED", "CANCELLED"])
    await queue.insert({ ...lease, status: `'${status}'` });
  expect(await reap(0)).toEqual([]);
});

test("a reap takes at most its limit, the oldest ids first", async () => {
  for (let n = 0; n < 5; n += 1) await queue.insert();
  const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: 5, leaseMs: 0 }) });
  expect((await store.reapStale(1_200, 3)).map(({ id }) => id)).toEqual(jobs.slice(0, 3).map(({ id }) => id));
  expect(await store.reapStale(1_200, 3)).toHaveLength(2);
});

test("a turn that is not asked to reap leaves ended leases alone", async () => {
  await queue.insert();
  await pickUpOne(store, { leaseMs: 0 });
  expect(await store.turn({ pickUp: pickUpOf() })).toMatchObject({ reaped: [], nextLeaseEndInMs: 0 });
});

test("a job that kills its worker every time ends FAILED after its attempts", async () => {
  const id = await queue.insert({ max_attempts: "3" });
  const attempts = [];
  for (let n = 0; n < 3; n += 1) {
    attempts.push((await pickUpOne(store, { leaseMs: 0 })).attempts);
    await store.reapStale();
  }
  expect(attempts).toEqual([1, 2, 3]);
  expect(await store.get(id)).toMatchObject({ status: "FAILED", attempts: 3 });
});
