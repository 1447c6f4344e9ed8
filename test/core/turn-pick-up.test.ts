import { expect, test } from "vitest";

import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const ids = ({ jobs }: { jobs: readonly { id: string }[] }): string[] => jobs.map(({ id }) => id);

test("a pick-up counts the attempt, and says which one it is", async () => {
  const id = await queue.insert({ attempts: "2" });
  const lockedBy = "host-1:nonce";
  expect(await pickUpOne(store, { lockedBy })).toMatchObject({ id, attempts: 3, maxAttempts: 5, lockedBy });
  expect(await store.get(id)).toMatchObject({ status: "RUNNING", attempts: 3, lockedBy });
});

test("jobs come by priority, due time and id, across types", async () => {
  const hour = (n: number): string => `now() - interval '${n} hours'`;
  const fifth = await queue.insert({ job_type: "'b'", run_after: "'2020-01-01'" });
  const sixth = await queue.insert({ job_type: "'a'", run_after: "'2020-01-01'" });
  const last = await queue.insert({ job_type: "'c'", priority: "-1", run_after: hour(9) });
  const second = await queue.insert({ job_type: "'b'", priority: "7", run_after: hour(2) });
  const third = await queue.insert({ job_type: "'a'", priority: "7", run_after: hour(1) });
  const first = await queue.insert({ job_type: "'c'", priority: "2147483647", run_after: hour(0) });
  const fourth = await queue.insert({ job_type: "'c'", priority: "1" });
  const answer = await store.turn({ pickUp: pickUpOf({ types: ["a", "b", "c"], slots: 7 }) });
  expect(ids(answer)).toEqual([first, second, third, fourth, fifth, sixth, last]);
});

test("of one type and priority the job that has been due longest comes first, then the lowest id", async () => {
  const second = await queue.insert({ run_after: "'2020-01-02'" });
  const third = await queue.insert({ run_after: "'2020-01-02'" });
  const first = await queue.insert({ run_after: "'2020-01-01'" });
  const turn = async (): Promise<string[]> => ids(await store.turn({ pickUp: pickUpOf({ slots: 1 }) }));
  expect([await turn(), await turn(), await turn()]).toEqual([[first], [second], [third]]);
});

test("of several types the best jobs of all are taken, not the best of each", async () => {
  for (const type of ["a", "b"])
    for (const n of [1, 2, 3]) await queue.insert({ job_type: `'${type}'`, priority: String(n) });
  const { jobs } = await store.turn({ pickUp: pickUpOf({ types: ["a", "b"], slots: 3 }) });
  expect(jobs.map(({ type, priority }) => `${type}${priority}`)).toEqual(["a3", "b3", "a2"]);
});

test("a type that is named twice is picked up once", async () => {
  await queue.insert();
  expect((await store.turn({ pickUp: pickUpOf({ types: ["a", "a"], slots: 5 }) })).jobs).toHaveLength(1);
});

test("without types nothing is picked up, counted as due or waited for", async () => {
  await queue.insert();
  await queue.insert({ run_after: "now() + interval '1 hour'" });
  const answer = await store.turn({ pickUp: pickUpOf({ types: [], slots: 5, buffer: 5 }) });
  expect(answer).toMatchObject({ jobs: [], more: false, contended: false, nextDueInMs: null });
});

test("what goes beyond the free slots takes only jobs never attempted", async () => {
  const [tried, fresh, triedLater, freshLater] = [
    await queue.insert({ attempts: "1" }),
    await queue.insert(),
    await queue.insert({ attempts: "1" }),
    await queue.insert(),
  ];
  const answer = await store.turn({ pickUp: pickUpOf({ slots: 1, buffer: 5 }) });
  expect(ids(answer)).toEqual([tried, fresh, freshLater]);
  expect(answer.more).toBe(true);
  expect(await pickUpOne(store)).toMatchObject({ id: triedLater });
});

test("a buffer never takes more than it asked for", async () => {
  for (let n = 0; n < 6; n += 1) await queue.insert();
  const answer = await store.turn({ pickUp: pickUpOf({ slots: 2, buffer: 2 }) });
  expect([answer.jobs.length, answer.more]).toEqual([4, true]);
});

const MEBIBYTE = `jsonb_build_object('x', repeat('x', 1024 * 1024))`;

test("a pick-up stops at 4 MiB of payload", async () => {
  for (let n = 0; n < 6; n += 1) await queue.insert({ payload: MEBIBYTE });
  const answer = await store.turn({ pickUp: pickUpOf({ slots: 6 }) });
  expect([answer.jobs.length, answer.more]).toEqual([3, true]);
});

test("a pick-up stops at 4 MiB of payload, however little place that takes in the table", async () => {
  await queue.rows(
    "INSERT INTO jobs (job_type, payload) SELECT 'a', jsonb_build_object('x', repeat('x', 20000)) FROM generate_series(1, 300)",
  );
  expect(await queue.rows("SELECT max(pg_column_size(payload)) < 256 AS small FROM jobs")).toEqual([
    { small: true },
  ]);
  const { jobs, more } = await store.turn({ pickUp: pickUpOf({ slots: 300 }) });
  const bytes = jobs.reduce((sum, { payloadText }) => sum + payloadText.length, 0);
  expect(more).toBe(true);
  expect(bytes).toBeGreaterThan(4_000_000);
  expect(bytes).toBeLessThanOrEqual(4_194_304);
});

test("one job is picked up however large it is", async () => {
  await queue.insert({ payload: `jsonb_build_object('x', repeat('x', 5 * 1024 * 1024))` });
  await queue.insert();
  const answer = await store.turn({ pickUp: pickUpOf({ slots: 6 }) });
  expect([answer.jobs.length, answer.more]).toEqual([1, true]);
});

test("a large job in second place ends the pick-up, and is the first of the next", async () => {
  const small = await queue.insert();
  const large = await queue.insert({ payload: `jsonb_build_object('x', repeat('x', 5 * 1024 * 1024))` });
  const last = await queue.insert();
  const turn = async (): Promise<string[]> => ids(await store.turn({ pickUp: pickUpOf({ slots: 6 }) }));
  expect([await turn(), await turn(), await turn()]).toEqual([[small], [large], [last]]);
});

test("of several whose attempts are used up a turn takes no more than it has room for", async () => {
  const first = await queue.insert({ attempts: "5" });
  const second = await queue.insert({ attempts: "5" });
  const answer = await store.turn({ pickUp: pickUpOf({ slots: 1 }) });
  expect(answer.exhausted.map(({ id }) => id)).toEqual([first]);
  expect(answer.more).toBe(true);
  expect(await store.get(second)).toMatchObject({ status: "READY" });
});

test("a READY job whose attempts are used up is FAILED, not run", async () => {
  const spent = await queue.insert({ attempts: "5", last_error: "'boom'" });
  const never = await queue.insert({ max_attempts: "0" });
  const fresh = await queue.insert();
  const answer = await store.turn({ pickUp: pickUpOf({ slots: 3 }) });
  expect(ids(answer)).toEqual([fresh]);
  expect(answer.exhausted).toEqual([spent, never].map((id) => ({ id, type: "a", status: "FAILED" })));
  expect(await store.get(spent)).toMatchObject({
    status: "FAILED",
    attempts: 5,
    lastError: "boom",
    lockedBy: null,
  });
  expect(await store.get(never)).toMatchObject({
    status: "FAILED",
    attempts: 0,
    lastError: "no attempt left: 0 of 0",
    finishedAt: expect.any(Date) as Date,
    leaseExpiresAt: null,
  });
});

test("a job of the beginning of time is due, and one of its end is never waited for", async () => {
  const id = await queue.insert({ run_after: "'-infinity'" });
  await queue.insert({ run_after: "'infinity'" });
  const answer = await store.turn({ pickUp: pickUpOf({ slots: 5 }) });
  expect(ids(answer)).toEqual([id]);
  expect(await store.turn({ pickUp: pickUpOf() })).toMatchObject({
    jobs: [],
    more: false,
    nextDueInMs: null,
  });
});

test("a job of the end of time hides no other job's due time", async () => {
  await queue.insert({ priority: "5", run_after: "'infinity'" });
  await queue.insert({ run_after: "now() + interval '1 hour'" });
  expect(await store.turn({ pickUp: pickUpOf() })).toMatchObject({
    nextDueInMs: expect.closeTo(3_600_000, -5) as number,
  });
});

test("what is due is decided by the database's clock at each turn", async () => {
  const id = await queue.insert({ run_after: "now() + interval '1 hour'" });
  expect(await store.turn({ pickUp: pickUpOf() })).toMatchObject({ jobs: [] });
  await queue.rows("UPDATE jobs SET run_after = now()");
  expect(await pickUpOne(store)).toMatchObject({ id });
});

test.for([
  ["a worker's lease is flat, whatever the job's timeout", { leaseMs: 30_000 }, 7, 30],
  [
    "a drain's lease ends with the job's timeout, plus the margin",
    { leaseMs: 60_000, timeoutSeconds: 40, marginMs: 10_000 },
    7,
    17,
  ],
  [
    "a drain's lease ends with the drain, plus the margin",
    { leaseMs: 5_000, timeoutSeconds: 40, marginMs: 10_000 },
    7,
    15,
  ],
  [
    "a drain's default holds for a job without a timeout",
    { leaseMs: 60_000, timeoutSeconds: 40, marginMs: 10_000 },
    null,
    50,
  ],
] as const)("%s", async ([, lease, timeout, seconds]) => {
  const id = await queue.insert({ timeout_seconds: String(timeout) });
  await pickUpOne(store, lease);
  const [row] = await queue.rows(
    "SELECT extract(epoch FROM lease_expires_at - locked_at)::float8 AS s, lease_holder = locked_by AS held FROM jobs WHERE id = $1",
    [id],
  );
  expect(row).toEqual({ s: seconds, held: true });
});

test("a pick-up whose answer was lost is found again by its nonce, with all that the answer said", async () => {
  await queue.insert({ priority: "1", dedupe_key: "'k'", timeout_seconds: "9", payload: `'{"n": 1}'` });
  await queue.insert({ priority: "2" });
  const pickUp = pickUpOf({ slots: 2 });
  const { jobs } = await store.turn({ pickUp });
  await queue.insert();
  await pickUpOne(store);
  expect(await store.findPickUp([pickUp.lockedBy])).toEqual(jobs);
  expect(await store.findPickUp(["never sent"])).toEqual([]);
});

test("ids beyond 2^53 come through unharmed", async () => {
  await queue.rows("SELECT setval('jobs_id_seq', 9223372036854775000)");
  const { id } = await store.enqueue("a", {});
  expect(id).toBe("9223372036854775001");
  const job = await pickUpOne(store);
  expect(job.id).toBe(id);
  expect(await store.extend([job], 1_000)).toMatchObject([{ id, verdict: "extended" }]);
  expect(await store.markDone(job)).toMatchObject({ id, verdict: "settled" });
  expect(await store.get(id)).toMatchObject({ id, status: "DONE" });
  await queue.rows("SELECT setval('jobs_id_seq', 1)");
});
