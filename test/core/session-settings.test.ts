import { readFileSync } from "node:fs";

import { expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import type { Fence } from "../../src/core/job.ts";
import { PgJobStore } from "../../src/core/store.ts";
import type { Settlement } from "../../src/core/turn/settlement.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import { ODD_OPTIONS } from "../support/odd-settings.ts";
import { testPool } from "../support/pool.ts";
import { freshDatabase } from "../support/postgres.ts";
import { PYTHON_MARK_ERROR, PYTHON_PICK_UP, pythonNoHandler } from "../support/python-statements.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";

const queue = await testQueue();

/** A store whose session has all the odd settings at once. */
function oddStore(url = queue.url): PgJobStore {
  const pool = testPool(url, { max: 1, options: ODD_OPTIONS });
  onTestFinished(() => pool.end());
  return new PgJobStore(pgExecutor(pool), { logger: false });
}

/** To the microsecond, as a usual session reads it. */
async function momentsOf(id: string, ...columns: readonly string[]): Promise<readonly unknown[]> {
  const list = columns.map((column) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')`);
  const [row] = await queue.rows(`SELECT ARRAY[${list.join(", ")}] AS moments FROM jobs WHERE id = $1`, [id]);
  return row?.["moments"] as readonly unknown[];
}

const START = new Date("2001-02-03T04:05:06.789Z");
const LATER = "2099-01-02T03:04:05.678Z";

test("each of many jobs is written as it was given, whatever its neighbours have", async () => {
  const given = [
    { dedupeKey: "NULL", priority: 7, runAfter: START, maxAttempts: 2, timeoutSeconds: 9 },
    {},
    { dedupeKey: "k" },
    { priority: -1 },
    {},
  ];
  const enqueued = await oddStore().enqueueMany(
    given.map((options, n) => ({ type: "a", payload: { n }, ...options })),
  );
  expect(enqueued.map(({ created }) => created)).toEqual([true, true, true, true, true]);
  expect(
    await queue.rows(
      `SELECT payload->>'n' AS n, dedupe_key, priority, max_attempts, timeout_seconds, run_after = created_at AS at_once
         FROM jobs ORDER BY array_position($1::bigint[], id)`,
      [enqueued.map(({ id }) => id)],
    ),
  ).toEqual([
    { n: "0", dedupe_key: "NULL", priority: 7, max_attempts: 2, timeout_seconds: 9, at_once: false },
    { n: "1", dedupe_key: null, priority: 0, max_attempts: 5, timeout_seconds: null, at_once: true },
    { n: "2", dedupe_key: "k", priority: 0, max_attempts: 5, timeout_seconds: null, at_once: true },
    { n: "3", dedupe_key: null, priority: -1, max_attempts: 5, timeout_seconds: null, at_once: true },
    { n: "4", dedupe_key: null, priority: 0, max_attempts: 5, timeout_seconds: null, at_once: true },
  ]);
  expect(await momentsOf(enqueued[0]?.id ?? "", "run_after")).toEqual(["2001-02-03T04:05:06.789000"]);
});

test("jobs without a key that come together are each other's duplicates in nothing", async () => {
  const store = oddStore();
  const options = [{}, { timeoutSeconds: 1 }, { runAfter: START }, {}];
  const together = await Promise.all(options.map((each) => store.enqueue("a", {}, each)));
  expect(new Set(together.map(({ id }) => id)).size).toBe(4);
  expect(await queue.rows("SELECT DISTINCT dedupe_key FROM jobs")).toEqual([{ dedupe_key: null }]);
});

test("moments come back as they stand in the row", async () => {
  const store = oddStore();
  const dates = [
    "0001-01-01T00:00:00.000Z",
    "1969-12-31T23:59:59.999Z",
    START.toISOString(),
    "9999-12-31T23:59:59.999Z",
  ];
  for (const date of dates) {
    const { id } = await store.enqueue("b", {}, { runAfter: new Date(date) });
    expect((await store.get(id))?.runAfter.toISOString(), date).toBe(date);
  }
  const id = await queue.insert({
    run_after: "'2026-03-04 05:06:07.123456+00'",
    created_at: "'2026-03-04 05:06:07.999999+00'",
  });
  const endless = await queue.insert({ job_type: "'b'", run_after: "'infinity'" });
  expect((await store.get(endless))?.runAfter.getTime()).toBe(8.64e15);
  const latest = await queue.insert({ job_type: "'b'", run_after: "'294276-12-31 23:59:59+00'" });
  expect((await store.get(latest))?.runAfter.getTime()).toBe(8.64e15);
  const pickUp = pickUpOf();
  const { jobs } = await store.turn({ pickUp });
  const found = await store.findPickUp([pickUp.lockedBy]);
  for (const job of [await store.get(id), jobs[0], found[0]]) {
    expect(job?.runAfter.toISOString()).toBe("2026-03-04T05:06:07.123Z");
    expect(job?.createdAt.toISOString()).toBe("2026-03-04T05:06:07.999Z");
  }
});

test("a pick-up goes on behind the last job to the microsecond", async () => {
  const store = oddStore();
  const ids: string[] = [];
  for (const us of ["000001", "000002", "000003"])
    ids.push(await queue.insert({ run_after: `'2026-03-04 05:06:07.${us}+00'` }));
  const seen: string[] = [];
  let { lanes, jobs } = await store.turn({ pickUp: pickUpOf() });
  for (let round = 0; round < 3; round += 1) {
    seen.push(...jobs.map(({ id }) => id));
    ({ lanes, jobs } = await store.turn({ pickUp: pickUpOf({ lanes }) }));
  }
  expect(seen).toEqual(ids);
});

test("each settlement of a turn is written as it was given, whatever its neighbours have", async () => {
  const store = oddStore();
  const types = ["done", "empty", "retry", "later", "fail", "snooze", "release"];
  await store.enqueueMany(types.map((type) => ({ type, payload: {} })));
  // One is another's: of the second holder, and at its second attempt.
  await queue.rows("UPDATE jobs SET attempts = 1 WHERE job_type = 'fail'");
  const jobs = (await store.turn({ pickUp: pickUpOf({ types: types.slice(0, 4), slots: 9 }) })).jobs.concat(
    (await store.turn({ pickUp: pickUpOf({ types: types.slice(4), slots: 9 }) })).jobs,
  );
  const endOf = (job: Fence & { readonly type: string }): Settlement => {
    switch (job.type) {
      case "done":
        return { job, outcome: "done", durationMs: 12, resultText: '{"n": "NULL"}' };
      case "retry":
        return { job, outcome: "retry", durationMs: 3, error: "NULL", due: 90_000 };
      case "later":
        return { job, outcome: "retry", durationMs: 4, error: "late", due: new Date(LATER) };
      case "fail":
        return { job, outcome: "fail", durationMs: null, error: "no more" };
      case "snooze":
        return { job, outcome: "snooze", durationMs: 5, due: 0 };
      case "release":
        return { job, outcome: "release", durationMs: null };
      default:
        return { job, outcome: "done", durationMs: null, resultText: null };
    }
  };
  const settlements = jobs.map(endOf);
  const answers = (await store.turn({ settlements })).settlements;
  expect(Object.fromEntries(jobs.map(({ type }, index) => [type, answers[index]?.status]))).toEqual({
    ...{ done: "DONE", empty: "DONE", retry: "READY", later: "READY" },
    ...{ fail: "FAILED", snooze: "READY", release: "READY" },
  });
  const rows = await queue.rows(
    `SELECT job_type, attempts, result::text AS result, last_error, duration_ms,
            round(extract(epoch FROM run_after - updated_at))::int8::text AS wait FROM jobs`,
  );
  const byType = Object.fromEntries(rows.map(({ job_type, ...row }) => [String(job_type), row]));
  const none = { attempts: 1, result: null, last_error: null, duration_ms: null };
  expect(byType).toMatchObject({
    done: { ...none, result: '{"n": "NULL"}', duration_ms: 12 },
    empty: none,
    retry: { ...none, last_error: "NULL", duration_ms: 3, wait: "90" },
    later: { ...none, last_error: "late", duration_ms: 4 },
    fail: { ...none, attempts: 2, last_error: "no more" },
    snooze: { ...none, attempts: 0, duration_ms: 5, wait: "0" },
    release: { ...none, attempts: 0 },
  });
  const later = jobs.find(({ type }) => type === "later")?.id ?? "";
  expect(await momentsOf(later, "run_after")).toEqual(["2099-01-02T03:04:05.678000"]);
});

test("a turn says to the millisecond how long its caller may sleep, and what the server's clock says", async () => {
  const store = oddStore();
  const held = await store.enqueue("a", {});
  await store.pickup({ types: ["a"], leaseMs: 123_456 });
  await queue.rows("UPDATE jobs SET lease_expires_at = now() + interval '123456 ms' WHERE id = $1", [
    held.id,
  ]);
  await store.enqueue("a", {}, { runAfter: new Date(Date.now() + 7_654_321) });
  await queue.insert({ run_after: "'infinity'" });
  const { nextDueInMs, nextLeaseEndInMs, clockMs } = await store.turn({ pickUp: pickUpOf() });
  const [row] = await queue.rows(
    `SELECT 1000 * extract(epoch FROM min(run_after) FILTER (WHERE status = 'READY'))::float8 AS due,
            1000 * extract(epoch FROM min(lease_expires_at))::float8 AS ends FROM jobs`,
  );
  // The turn's own now() lies before the clock as it answers.
  expect(clockMs + (nextDueInMs ?? NaN) - Number(row?.["due"])).toBeLessThan(60_000);
  expect(clockMs + (nextDueInMs ?? NaN) - Number(row?.["due"])).toBeGreaterThan(-2);
  expect(clockMs + (nextLeaseEndInMs ?? NaN) - Number(row?.["ends"])).toBeLessThan(60_000);
  expect(clockMs + (nextLeaseEndInMs ?? NaN) - Number(row?.["ends"])).toBeGreaterThan(-2);
  await queue.rows("DELETE FROM jobs WHERE run_after < 'infinity'");
  expect(await store.turn({ pickUp: pickUpOf() })).toMatchObject({
    nextDueInMs: null,
    nextLeaseEndInMs: null,
  });
});

test("the oldest due job's wait is counted to the second and finer", async () => {
  await queue.insert({ run_after: "now() - interval '123456 seconds'" });
  const { oldestDueSeconds, due } = await oddStore().stats();
  expect(due).toBe(1);
  expect(oldestDueSeconds).toBeGreaterThanOrEqual(123_456);
  expect(oldestDueSeconds).toBeLessThan(123_556);
});

test("what inserts notify is due when the row says", async () => {
  const { client } = await queue.session();
  const heard: string[] = [];
  client.on("notification", ({ payload }) => heard.push(payload ?? ""));
  await client.query("LISTEN pqrun_jobs");
  const store = oddStore();
  await store.turn({ guard: { worker: "w", forMs: 86_400_000, types: ["a"] } });
  const { id } = await store.enqueue("a", {}, { runAfter: new Date(Date.now() + 3_600_000), priority: 3 });
  await expect.poll(() => heard.length).toBe(1);
  const due = (await store.get(id))?.runAfter.getTime();
  expect(JSON.parse(heard[0] ?? "")).toEqual([1, [["a", due, 3, id]]]);
});

test("the table is made, and found whole again, by such a session", async () => {
  const database = await freshDatabase();
  const pool = testPool(database.url, { options: ODD_OPTIONS });
  try {
    await migrate(pgExecutor(pool));
    await migrate(pgExecutor(pool));
    const store = new PgJobStore(pgExecutor(pool), { logger: false });
    const { id } = await store.enqueue("a", {});
    expect((await store.pickup({ types: ["a"] }))[0]?.id).toBe(id);
  } finally {
    await pool.end();
    await database.drop();
  }
});

test("the guard beside Python puts back for five seconds", async () => {
  const guard = readFileSync(new URL("../../sql/patterns/python-guard.sql", import.meta.url), "utf8");
  const id = await queue.insert({ run_after: "now() + interval '1 ms'" });
  const pool = testPool(queue.url, { max: 1, options: ODD_OPTIONS });
  onTestFinished(() => pool.end());
  await pool.query(guard);
  // The package finds its table by the path.
  await pool.query("SET search_path = public");
  try {
    await expect.poll(async () => (await pool.query(PYTHON_PICK_UP, ["py"])).rows.length).toBe(1);
    await pool.query(PYTHON_MARK_ERROR, [id, pythonNoHandler("a"), true, "0", null, null]);
    expect(
      await queue.rows(
        "SELECT status, attempts, round(extract(epoch FROM run_after - updated_at))::int8::text AS wait FROM jobs",
      ),
    ).toEqual([{ status: "READY", attempts: 0, wait: "5" }]);
  } finally {
    await queue.rows("DROP TRIGGER jobs_python_guard ON jobs; DROP FUNCTION jobs_python_guard();");
  }
});
