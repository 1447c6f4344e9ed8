import { expect, test } from "vitest";

import { failures, overview, workers } from "../../src/operate.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

test("an overview of nothing", async () => {
  expect(await overview(store)).toMatchObject({
    ready: 0,
    due: 0,
    oldestDueSeconds: null,
    running: 0,
    leasesEnded: 0,
    failed: 0,
    types: [],
    atLeast: [],
  });
});

test("an overview counts what waits, is due, runs and has failed, by type, and leaves finished jobs out", async () => {
  await queue.insert({ run_after: "now() - interval '90 s'" });
  await queue.insert({ run_after: "now() - interval '1 h'", priority: "-3" });
  await queue.insert({ run_after: "now() + interval '1 h'" });
  await queue.insert({ run_after: "'-infinity'" });
  await queue.insert({ job_type: "'__proto__'", status: "'FAILED'" });
  await queue.insert({ job_type: "'b'", status: "'DONE'" });
  const running = { job_type: "'b'", status: "'RUNNING'", locked_by: "'w'", lease_holder: "'w'" };
  await queue.insert({ ...running, lease_expires_at: "now() - interval '1 s'" });
  await queue.insert({ ...running, lease_expires_at: "now() + interval '1 h'" });
  const seen = await overview(store);
  expect(seen).toMatchObject({ ready: 4, due: 3, running: 2, leasesEnded: 1, failed: 1, atLeast: [] });
  expect(seen.types).toEqual([
    { type: "__proto__", ready: 0, due: 0, oldestDueSeconds: null, running: 0, failed: 1 },
    { type: "a", ready: 4, due: 3, oldestDueSeconds: seen.oldestDueSeconds, running: 0, failed: 0 },
    { type: "b", ready: 0, due: 0, oldestDueSeconds: null, running: 2, failed: 0 },
  ]);
  expect(seen.oldestDueSeconds).toBeGreaterThanOrEqual(3_600);
  expect(seen.oldestDueSeconds).toBeLessThan(7_200);
});

test("of more jobs than it counts an overview says so, counts each type to its share, and finds the oldest due all the same", async () => {
  await queue.rows(`INSERT INTO jobs (job_type, priority, run_after)
    SELECT CASE WHEN n <= 20 THEN 'few' ELSE 'many' END, 5, now() - interval '1 min' FROM generate_series(1, 10020) n`);
  await queue.insert({ job_type: "'many'", priority: "1", run_after: "now() - interval '3 h'" });
  await queue.insert({ job_type: "'few'", priority: "0", run_after: "now() - interval '2 h'" });
  await queue.rows(
    "INSERT INTO jobs (job_type, status) SELECT 'f' || n % 2, 'FAILED' FROM generate_series(1, 10001) n",
  );
  const seen = await overview(store);
  expect(seen).toMatchObject({ ready: 5_021, due: 5_021, failed: 10_000, atLeast: ["READY", "FAILED"] });
  const hours = seen.types.map(({ type, ready, failed, oldestDueSeconds }) => [
    type,
    ready,
    failed,
    Math.floor((oldestDueSeconds ?? 0) / 3_600),
  ]);
  expect(hours).toEqual([
    ["f0", 0, 5_000, 0],
    ["f1", 0, 5_000, 0],
    ["few", 21, 0, 2],
    ["many", 5_000, 0, 3],
  ]);
  expect(Math.floor((seen.oldestDueSeconds ?? 0) / 3_600)).toBe(3);
});

test("failures are grouped by type and first line of their error, the largest group first", async () => {
  const failed = (type: string, error: string): Promise<string> =>
    queue.insert({ job_type: `'${type}'`, status: "'FAILED'", last_error: error, finished_at: "now()" });
  await failed("a", "E'Error: no\\nat line 1'");
  const last = await failed("a", "E'Error: no\\r\\nat line 2'");
  const other = await failed("b", "'Error: no'");
  await failed("a", "NULL");
  await queue.insert({ last_error: "'Error: no'" });
  const seen = await failures(store);
  expect(seen).toMatchObject({ looked: 4, complete: true });
  expect(seen.groups.map(({ type, error, count }) => [type, error, count])).toEqual([
    ["a", "Error: no", 2],
    ["a", "", 1],
    ["b", "Error: no", 1],
  ]);
  expect(seen.groups[0]?.lastId).toBe(last);
  expect((await failures(store, { types: ["b", "none"] })).groups.map(({ lastId }) => lastId)).toEqual([
    other,
  ]);
  expect(await failures(store, { limit: 1 })).toMatchObject({ groups: [{ count: 2 }], looked: 4 });
  await queue.rows("INSERT INTO jobs (job_type, status) SELECT 'a', 'FAILED' FROM generate_series(1, 2000)");
  expect(await failures(store, { types: ["a"] })).toMatchObject({ looked: 2_000, complete: false });
});

test("who runs jobs and who waits for some, by readable ids", async () => {
  await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, 3)");
  await store.turn({ pickUp: pickUpOf({ slots: 2 }) });
  await store.turn({ pickUp: pickUpOf({ slots: 1 }) });
  await queue.insert({ status: "'RUNNING'", locked_by: "'python-1'" });
  const guard = { worker: `worker:${crypto.randomUUID()}`, forMs: 60_000 };
  await store.turn({ guard, pickUp: pickUpOf() });
  const seen = await workers(store);
  expect(seen.map(({ worker, running }) => [worker, running])).toEqual([
    ["python-1", 1],
    ["worker", 3],
  ]);
  expect(seen[0]).toMatchObject({ leaseEndsAt: null, waitsUntil: null });
  for (const moment of [seen[1]?.oldestLockedAt, seen[1]?.leaseEndsAt, seen[1]?.waitsUntil])
    expect(moment).toBeInstanceOf(Date);
});
