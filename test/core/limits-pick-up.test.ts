import { beforeEach, expect, test } from "vitest";

import { defineJob } from "../../src/index.ts";
import type { JobContracts, PickedUpJob, TurnAnswer } from "../support/limits.ts";
import { testQueue } from "../support/queue.ts";
import { limitedStore, turnOf } from "../support/limits.ts";

const queue = await testQueue();

beforeEach(() => queue.rows("TRUNCATE jobs RESTART IDENTITY"));

const contracts = (contract: JobContracts[string]): JobContracts => ({ a: contract, b: defineJob<object>() });

/** Inserts jobs of type `a`, one for each key, in this order. */
async function insert(keys: readonly (string | null)[]): Promise<void> {
  await queue.rows(
    `INSERT INTO jobs (job_type, concurrency_key, run_after)
     SELECT 'a', k, now() - interval '1 hour' + n * interval '1 s' FROM unnest($1::text[]) WITH ORDINALITY AS x(k, n)`,
    [keys],
  );
}

async function keysOf({ jobs }: TurnAnswer): Promise<readonly unknown[]> {
  const rows = await queue.rows(
    "SELECT j.concurrency_key AS key FROM unnest($1::int8[]) WITH ORDINALITY AS x(id, n) JOIN jobs j USING (id) ORDER BY n",
    [jobs.map(({ id }) => id)],
  );
  return rows.map(({ key }) => key);
}

const done = (job: PickedUpJob | undefined): object => ({
  job,
  outcome: "done",
  resultText: null,
  durationMs: 1,
});

test("of a key no more run than its limit, of a type no more than its total, and jobs without a key know the total alone", async () => {
  const store = await limitedStore(
    queue,
    contracts(defineJob<object>({ concurrency: { perKey: 2, total: 5 } })),
  );
  await insert(["k", "k", "k", "l", null, null, null]);
  expect(await keysOf(await turnOf(store, { slots: 10 }))).toEqual(["k", "k", "l", "", ""]);
  const answer = await turnOf(store, { slots: 10 });
  expect(answer).toMatchObject({ jobs: [], more: false, contended: true });
});

test("a job of a full key is put aside once, starts nowhere else, and is picked up by what sets its key free", async () => {
  const store = await limitedStore(queue, contracts(defineJob<object>({ concurrency: { perKey: 1 } })));
  await insert(["k", "k", "k", "l"]);
  const first = await turnOf(store, { slots: 10 });
  expect(await keysOf(first)).toEqual(["k", "l"]);
  expect(
    await queue.rows(
      "SELECT status, due_at < now() AS was_due, run_after > now() + interval '29 minutes' AS away FROM jobs ORDER BY id",
    ),
  ).toEqual([
    { status: "RUNNING", was_due: null, away: false },
    { status: "READY", was_due: true, away: true },
    { status: "READY", was_due: true, away: true },
    { status: "RUNNING", was_due: null, away: false },
  ]);
  expect((await turnOf(store, { slots: 10 })).jobs).toEqual([]);
  const next = await turnOf(store, { slots: 10, settlements: [done(first.jobs[0])] });
  expect(next.jobs.map(({ id }) => id)).toEqual(["2"]);
  // It is due when it was before, as far as its handler sees.
  expect(next.jobs[0]?.runAfter.getTime()).toBeLessThan(Date.now() - 60_000);
  expect(await queue.rows("SELECT due_at FROM jobs WHERE id = 2")).toEqual([{ due_at: null }]);
});

test("what somebody else sets free is found by looking at the keys, from where the last look ended and round", async () => {
  const store = await limitedStore(queue, contracts(defineJob<object>({ concurrency: { perKey: 1 } })));
  const keys = Array.from({ length: 150 }, (_, n) => `k${String(n).padStart(3, "0")}`);
  await insert([...keys, ...keys]);
  let taken = 0;
  for (let looks = 0; looks < 20; looks += 1) taken += (await turnOf(store, { slots: 60 })).jobs.length;
  expect(taken).toBe(150);
  await queue.rows(
    "UPDATE jobs SET status = 'DONE' WHERE status = 'RUNNING' AND concurrency_key IN ('k003', 'k140')",
  );
  const found: unknown[] = [];
  for (let looks = 0; looks < 4; looks += 1)
    found.push(...(await keysOf(await turnOf(store, { slots: 60 }))));
  expect(found.sort()).toEqual(["k003", "k140"]);
});

test("a key that is full in front of all others keeps none of them from starting", async () => {
  const store = await limitedStore(queue, contracts(defineJob<object>({ concurrency: { perKey: 1 } })));
  await queue.rows(
    "INSERT INTO jobs (job_type, concurrency_key) SELECT 'a', 'hot' FROM generate_series(1, 3000)",
  );
  await insert([]);
  await queue.rows(
    "INSERT INTO jobs (job_type, concurrency_key) SELECT 'a', 'k' || n FROM generate_series(1, 20) n",
  );
  let taken = 0;
  let turns = 0;
  for (; taken < 21 && turns < 20; turns += 1) taken += (await turnOf(store, { slots: 25 })).jobs.length;
  expect(taken).toBe(21);
  // Each look is larger than the last, up to 2,000 jobs.
  expect(turns).toBeLessThanOrEqual(6);
});

test("keys take turns, and one of many jobs leaves its place to one of few", async () => {
  const store = await limitedStore(queue, contracts(defineJob<object>({ concurrency: { order: "turns" } })));
  await insert([...Array.from({ length: 20 }, () => "a"), "b", "b", "b", "b", "b", "c"]);
  const seen: unknown[] = [];
  for (let n = 0; n < 9; n += 1) {
    const { jobs } = await turnOf(store, { slots: 1 });
    seen.push(...(await keysOf({ jobs } as unknown as TurnAnswer)));
    await turnOf(store, { settlements: jobs.map(done) });
  }
  expect(seen).toEqual(["a", "b", "c", "a", "b", "a", "b", "a", "b"]);
});

test("in strict order a job that has begun holds its key through retries, snoozes and releases, until it is FAILED", async () => {
  const store = await limitedStore(
    queue,
    contracts(defineJob<object>({ concurrency: { order: "strict", perKey: 1 } })),
  );
  await insert(["k", "k", "l"]);
  await queue.rows("UPDATE jobs SET max_attempts = 2 WHERE id = 1");
  const [first] = (await turnOf(store, { slots: 1 })).jobs;
  const later = { waitMs: 3_600_000, due: 3_600_000 };
  const snoozed = await turnOf(store, {
    slots: 10,
    settlements: [{ job: first, outcome: "snooze", durationMs: 1, ...later }],
  });
  expect(await keysOf(snoozed)).toEqual(["l"]);
  expect((await turnOf(store, { slots: 10 })).jobs).toEqual([]);
  await queue.rows("UPDATE jobs SET run_after = now() WHERE id = 1");
  const [again] = (await turnOf(store, { slots: 10 })).jobs;
  expect(again?.id).toBe("1");
  const failed = await turnOf(store, {
    slots: 10,
    settlements: [{ job: again, outcome: "fail", durationMs: 1, error: "no" }],
  });
  expect(failed.jobs.map(({ id }) => id)).toEqual(["2"]);
});

test("no more start within the seconds of a rate than it allows, and the answer says when the next may", async () => {
  const store = await limitedStore(queue, contracts(defineJob<object>({ rate: { limit: 3, seconds: 60 } })));
  await insert([null, null, null, null, null]);
  const first = await turnOf(store, { slots: 2 });
  expect(first.jobs).toHaveLength(2);
  const second = await turnOf(store, { slots: 10 });
  // The first of all counts for as many as it might have taken.
  const left = second.jobs.length;
  expect(left).toBeLessThanOrEqual(1);
  expect(second).toMatchObject({ more: false, contended: false });
  expect(second.nextDueInMs).toBeGreaterThan(50_000);
  await queue.rows("UPDATE jobs_limits SET starts_at = ARRAY[now() - interval '61 s'], starts = '{3}'");
  expect((await turnOf(store, { slots: 10 })).jobs).toHaveLength(3 - left);
});

test("a limited job goes into a slot and never into a buffer", async () => {
  const store = await limitedStore(queue, contracts(defineJob<object>({ concurrency: { total: 100 } })));
  await insert([null, null, null]);
  expect((await turnOf(store, { slots: 2, buffer: 10 })).jobs).toHaveLength(2);
});

test("a job without an attempt left is FAILED, and one that its workers may die of runs alone, as ever", async () => {
  const store = await limitedStore(queue, contracts(defineJob<object>({ concurrency: { perKey: 5 } })));
  await insert(["k", "k", "k"]);
  await queue.rows("UPDATE jobs SET attempts = 5 WHERE id = 1");
  await queue.rows("UPDATE jobs SET attempts = 3, last_error = 'lease lost: by w' WHERE id = 2");
  const first = await turnOf(store, { slots: 10 });
  expect(first.exhausted).toEqual([{ id: "1", type: "a", status: "FAILED" }]);
  expect(first.jobs).toEqual([]);
  const second = await turnOf(store, { slots: 10 });
  expect(second.jobs.map(({ id, alone }) => ({ id, alone }))).toEqual([{ id: "2", alone: true }]);
  expect((await turnOf(store, { slots: 10 })).jobs.map(({ id }) => id)).toEqual(["3"]);
});

test("a store whose contracts limit a type no longer empties what was put aside", async () => {
  const limited = await limitedStore(queue, contracts(defineJob<object>({ concurrency: { perKey: 1 } })));
  await insert(["k", "k", "k", "k"]);
  await turnOf(limited, { slots: 10 });
  const { store } = await queue.session();
  const taken: string[] = [];
  for (let n = 0; n < 3; n += 1)
    taken.push(...(await turnOf(store, { slots: 10, schedules: n === 0 })).jobs.map(({ id }) => id));
  expect(taken.sort()).toEqual(["2", "3", "4"]);
});

test("other types keep their order and their share of a pick-up", async () => {
  const store = await limitedStore(queue, contracts(defineJob<object>({ concurrency: { total: 1 } })));
  await insert([null, null]);
  await queue.rows("INSERT INTO jobs (job_type, priority) VALUES ('b', 1), ('b', 0)");
  const { jobs } = await turnOf(store, { types: ["a", "b"], slots: 10 });
  expect(jobs.map(({ id }) => id)).toEqual(["3", "1", "4"]);
});

test("two limits at once: what is allowed is what both allow, and an operator's goes before the code's", async () => {
  const store = await limitedStore(queue, contracts(defineJob<object>({ concurrency: { total: 1 } })));
  await insert([null, null, null, null]);
  await queue.rows("INSERT INTO jobs_limits (name, total) VALUES ('a', 3)");
  expect((await turnOf(store, { slots: 10 })).jobs).toHaveLength(3);
  await queue.rows("UPDATE jobs_limits SET total = NULL");
  expect((await turnOf(store, { slots: 10 })).jobs).toHaveLength(0);
});
