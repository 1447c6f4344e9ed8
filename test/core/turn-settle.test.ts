import { expect, test } from "vitest";

import type { Fence } from "../../src/core/job.ts";
import type { Settlement, SettlementAnswer } from "../../src/core/turn/settlement.ts";
import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const reap = { defaultTimeoutSeconds: 1_200 };
const settle = async (settlement: Settlement): Promise<SettlementAnswer | undefined> =>
  (await store.turn({ settlements: [settlement] })).settlements[0];
const done = (job: Fence): Settlement => ({ job, durationMs: 1, outcome: "done", resultText: `{"n":1}` });
const retried = (job: Fence): Settlement => ({ job, durationMs: 1, outcome: "retry", error: "boom", due: 0 });
const released = (job: Fence): Settlement => ({ job, durationMs: null, outcome: "release" });
const snoozed = (job: Fence): Settlement => ({ job, durationMs: 1, outcome: "snooze", due: 0 });
const failed = (job: Fence): Settlement => ({ job, durationMs: 1, outcome: "fail", error: "no" });

test.for([
  ["done", done, "DONE"],
  ["retry", retried, "READY"],
  ["fail", failed, "FAILED"],
  ["snooze", snoozed, "READY"],
  ["release", released, "READY"],
] as const)(
  "a settlement repeated after a lost reply (%s) is answered already, and writes nothing",
  async ([, end, state]) => {
    const id = await queue.insert();
    const job = await pickUpOne(store);
    expect(await settle(end(job))).toMatchObject({ verdict: "settled" });
    const image = await queue.image(id);
    expect(await settle(end(job))).toMatchObject({ verdict: "already", status: state });
    expect(await queue.image(id)).toBe(image);
    expect(await store.get(id)).toMatchObject({
      lockedBy: job.lockedBy,
      lockedAt: null,
      leaseExpiresAt: null,
    });
  },
);

test("a settlement repeated after somebody else has picked the job up is lost", async () => {
  await queue.insert();
  const job = await pickUpOne(store);
  await settle(retried(job));
  await pickUpOne(store);
  expect(await settle(retried(job))).toMatchObject({ verdict: "lost" });
});

test("a reap clears the holder, so that its settlement is lost and not taken for a repetition", async () => {
  const id = await queue.insert();
  const job = await pickUpOne(store, { leaseMs: 0 });
  expect((await store.turn({ reap })).reaped).toHaveLength(1);
  expect(await store.get(id)).toMatchObject({
    status: "READY",
    lockedBy: null,
    leaseExpiresAt: null,
    lockedAt: null,
  });
  expect(await settle(done(job))).toMatchObject({ verdict: "lost" });
});

test("a cancel clears the holder, so that its settlement and its extension are answered cancelled", async () => {
  const id = await queue.insert();
  const job = await pickUpOne(store);
  expect(await store.cancel(id)).toEqual({ cancelled: true, status: "CANCELLED" });
  expect(await store.get(id)).toMatchObject({ lockedBy: null, leaseExpiresAt: null, lockedAt: null });
  expect(await settle(done(job))).toMatchObject({ verdict: "cancelled" });
  expect(await store.extend([job], 1_000)).toMatchObject([{ verdict: "cancelled" }]);
});

test("an attempt that Python cancels, which leaves its holder, is answered cancelled whatever it asks", async () => {
  await queue.insert();
  const job = await pickUpOne(store);
  await queue.rows("UPDATE jobs SET status = 'CANCELLED', finished_at = now(), updated_at = now()");
  expect(await settle(done(job))).toMatchObject({ verdict: "cancelled", status: null });
  expect(await store.extend([job], 1_000)).toMatchObject([{ verdict: "cancelled" }]);
  await expect(store.markDone(job)).rejects.toMatchObject({ name: "LeaseLostError" });
  const { client, store: own } = await queue.session();
  await expect(own.settleIn(client, job)).rejects.toMatchObject({ name: "LeaseLostError" });
  expect(await store.get(job.id)).toMatchObject({ status: "CANCELLED", result: null });
});

test("the extension of an attempt that is DONE is answered already, and of one that failed lost", async () => {
  for (const [end, verdict] of [
    [done, "already"],
    [failed, "lost"],
    [released, "lost"],
  ] as const) {
    const id = await queue.insert();
    const job = await pickUpOne(store);
    await settle(end(job));
    const image = await queue.image(id);
    expect(await store.extend([job], 60_000)).toMatchObject([{ verdict }]);
    expect(await queue.image(id)).toBe(image);
    await queue.rows("DELETE FROM jobs");
  }
});

test("expiry alone loses nothing: the holder of an ended lease settles", async () => {
  await queue.insert();
  const job = await pickUpOne(store, { leaseMs: 0 });
  expect(await settle(done(job))).toMatchObject({ verdict: "settled", status: "DONE" });
});

test("expiry alone loses nothing: the holder of an ended lease extends it, and no reap takes it then", async () => {
  await queue.insert();
  const job = await pickUpOne(store, { leaseMs: 0 });
  expect(await store.extend([job], 60_000)).toMatchObject([{ verdict: "extended" }]);
  expect((await store.turn({ reap })).reaped).toEqual([]);
  expect(await settle(done(job))).toMatchObject({ verdict: "settled" });
});

test("once reaped, a lease can be neither extended nor settled", async () => {
  await queue.insert();
  const job = await pickUpOne(store, { leaseMs: 0 });
  await store.turn({ reap });
  expect(await store.extend([job], 60_000)).toMatchObject([{ verdict: "lost" }]);
  expect(await settle(done(job))).toMatchObject({ verdict: "lost" });
});

test("an extension moves locked_at too, which the Python package's reaper honours", async () => {
  const id = await queue.insert();
  const job = await pickUpOne(store);
  await queue.rows("UPDATE jobs SET locked_at = now() - interval '1 hour'");
  await store.extend([job], 60_000);
  const [row] = await queue.rows(
    `SELECT locked_at > now() - interval '1 minute' AS fresh, lease_holder = locked_by AS ours,
            extract(epoch FROM lease_expires_at - locked_at)::int AS s FROM jobs WHERE id = $1`,
    [id],
  );
  expect(row).toEqual({ fresh: true, ours: true, s: 60 });
});

test("a failed attempt is READY again while attempts are left, and FAILED after the last", async () => {
  const id = await queue.insert({ max_attempts: "2" });
  await settle({ ...retried(await pickUpOne(store)), outcome: "retry", error: "first", due: 0 });
  expect(await store.get(id)).toMatchObject({
    status: "READY",
    attempts: 1,
    lastError: "first",
    finishedAt: null,
  });
  await settle({ ...retried(await pickUpOne(store)), outcome: "retry", error: "second", due: 0 });
  expect(await store.get(id)).toMatchObject({
    status: "FAILED",
    attempts: 2,
    lastError: "second",
    finishedAt: expect.any(Date) as Date,
  });
});

test("a snooze gives the attempt back, however often", async () => {
  const id = await queue.insert({ max_attempts: "1" });
  for (let n = 0; n < 15; n += 1)
    expect(await settle(snoozed(await pickUpOne(store)))).toMatchObject({ status: "READY" });
  expect(await store.get(id)).toMatchObject({ status: "READY", attempts: 0, finishedAt: null });
});

test("delays are counted from now by the database's clock, and moments are taken as they are", async () => {
  const id = await queue.insert();
  await settle({ job: await pickUpOne(store), durationMs: 1, outcome: "retry", error: "x", due: 90_000 });
  const [row] = await queue.rows("SELECT extract(epoch FROM run_after - updated_at)::float8 AS s FROM jobs");
  expect(row).toEqual({ s: 90 });
  await queue.rows("UPDATE jobs SET run_after = now()");
  const due = new Date("2031-02-03T04:05:06.789Z");
  await settle({ job: await pickUpOne(store), durationMs: 1, outcome: "snooze", due });
  expect(await store.get(id)).toMatchObject({ runAfter: due });
});

test.for([
  ["a negative delay", -5],
  ["no number", Number.NaN],
  ["an invalid date", new Date(Number.NaN)],
] as const)("%s makes a job due now", async ([, due]) => {
  await queue.insert();
  await settle({ job: await pickUpOne(store), durationMs: 1, outcome: "retry", error: "x", due });
  expect(await pickUpOne(store)).toMatchObject({ attempts: 2 });
});

test("an endless delay is a hundred years, and an endless duration int4's greatest value", async () => {
  const id = await queue.insert();
  const job = await pickUpOne(store);
  await settle({ job, durationMs: Infinity, outcome: "retry", error: "x", due: Infinity });
  const row = await store.get(id);
  expect(row).toMatchObject({ status: "READY", durationMs: 2_147_483_647 });
  expect(row?.runAfter.getUTCFullYear()).toBe(new Date().getUTCFullYear() + 100);
});

test("one turn settles a mix of outcomes, each job its own, in the order asked", async () => {
  for (let n = 0; n < 5; n += 1) await queue.insert();
  const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: 5 }) });
  const ends = [released, done, failed, snoozed, retried];
  const settlements = jobs.map((job, n) => (ends[n] ?? done)(job)).reverse();
  const answer = await store.turn({ settlements });
  expect(answer.settlements.map(({ id, status }) => [id, status])).toEqual(
    [...jobs].reverse().map(({ id }, n) => [id, ["READY", "READY", "FAILED", "DONE", "READY"][n]]),
  );
});

test("a stale and a current settlement of one job in one turn are told apart", async () => {
  const id = await queue.insert();
  const stale = await pickUpOne(store, { leaseMs: 0 });
  await store.turn({ reap });
  const current = await pickUpOne(store);
  const { settlements } = await store.turn({ settlements: [retried(stale), done(current), failed(stale)] });
  expect(settlements.map(({ verdict }) => verdict)).toEqual(["lost", "settled", "lost"]);
  expect(await store.get(id)).toMatchObject({ status: "DONE", result: { n: 1 } });
});

test("a result that could not be stored is told in last_error, and the job is DONE", async () => {
  const id = await queue.insert();
  const job = await pickUpOne(store);
  await settle({ job, durationMs: 1, outcome: "done", resultText: null, note: "result: too large" });
  expect(await store.get(id)).toMatchObject({ status: "DONE", result: null, lastError: "result: too large" });
});

test("a job that is DONE without a result keeps the one that an earlier attempt left, as Python's package has it", async () => {
  for (const resultText of [null, "null"]) {
    const id = await queue.insert({ result: `'{"part": 1}'` });
    await settle({ job: await pickUpOne(store), durationMs: 1, outcome: "done", resultText });
    expect(await store.get(id)).toMatchObject({ status: "DONE", result: { part: 1 } });
  }
  const id = await queue.insert({ result: `'{"part": 1}'` });
  await settle({ job: await pickUpOne(store), durationMs: 1, outcome: "done", resultText: "0" });
  expect(await store.get(id)).toMatchObject({ status: "DONE", result: 0 });
});

test("an error whose text has to be cut in the middle of a character is stored, and holds up no other job", async () => {
  // The character has four bytes: five places of it, and the limit lies before, in and behind it.
  for (let room = 0; room <= 4; room += 1) {
    await queue.insert();
    const text = `${"x".repeat(10_000 - "thrown: ".length - room)}\u{1F600}`;
    const { id } = await store.markError(await pickUpOne(store), text);
    const lastError = (await store.get(id))?.lastError ?? "";
    expect(lastError.slice(-2)).toBe(room < 4 ? "xx" : "\u{1F600}");
    expect(Buffer.byteLength(lastError)).toBe(room < 4 ? 10_000 - room : 10_000);
  }
});

test("a cancel that comes while the job is being settled says what became of it", async () => {
  const id = await queue.insert();
  const job = await pickUpOne(store);
  const [holder, canceller] = [await queue.session(), await queue.session()];
  await holder.client.query("BEGIN");
  await holder.store.settleIn(holder.client, job, { n: 1 });
  const cancelled = canceller.store.cancel(id);
  await queue.blocked(canceller.pid);
  await holder.client.query("COMMIT");
  expect(await cancelled).toEqual({ cancelled: false, status: "DONE" });
});

test("a retry by hand begins the attempts anew, due now", async () => {
  const id = await queue.insert({
    status: "'FAILED'",
    attempts: "5",
    released: "10",
    run_after: "'2020-01-01'",
  });
  expect(await store.retry(id)).toEqual({ retried: true, status: "READY" });
  expect(
    await queue.rows("SELECT attempts, released, run_after = updated_at AS now, finished_at FROM jobs"),
  ).toEqual([{ attempts: 0, released: 0, now: true, finished_at: null }]);
  for (const status of ["READY", "RUNNING", "DONE", "CANCELLED"]) {
    const other = await queue.insert({ status: `'${status}'` });
    const image = await queue.image(other);
    expect(await store.retry(other)).toEqual({ retried: false, status });
    expect(await queue.image(other)).toBe(image);
  }
  expect(await store.retry("9007199254740993")).toEqual({ retried: false, status: null });
});

test("a retry by hand that comes while another one retries says what became of the job", async () => {
  const id = await queue.insert({ status: "'FAILED'", attempts: "5" });
  const [holder, other] = [await queue.session(), await queue.session()];
  await holder.client.query("BEGIN");
  expect(await holder.store.with(holder.client).retry(id)).toEqual({ retried: true, status: "READY" });
  const retry = other.store.retry(id);
  await queue.blocked(other.pid);
  await holder.client.query("COMMIT");
  expect(await retry).toEqual({ retried: false, status: "READY" });
});
