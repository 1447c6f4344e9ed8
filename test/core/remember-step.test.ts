import { expect, test } from "vitest";

import { stepsOf } from "../../src/core/operations/read-steps.ts";
import {
  rememberStep,
  rememberStepStatement,
  rememberStepText,
} from "../../src/core/operations/remember-step.ts";
import { tableNames } from "../../src/core/sql/table-names.ts";
import { serverMajor } from "../support/postgres.ts";
import { pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;
const rows: typeof queue.rows = (text, params) => queue.rows(text, params);
const insert = (): Promise<string> => queue.insert();
const LEASE_MS = 30_000;

const step = (name: string, valueText: string | null = null): { name: string; valueText: string | null } => ({
  name,
  valueText,
});

test("a step is remembered with what it returned, when, how long it took and in which attempt", async () => {
  await insert();
  const job = await pickUpOne(store);
  await rememberStep(store, job, { ...step("first", '{"a": [1, null]}'), durationMs: 12.4 }, LEASE_MS);
  await rememberStep(store, job, step("nothing"), LEASE_MS);
  await rememberStep(store, job, step("null", "null"), LEASE_MS);
  const found = await stepsOf(store, job.id);
  expect(found).toMatchObject([
    { name: "first", valueText: '{"a": [1, null]}', durationMs: 12, attempt: 1, wakesAt: null },
    { name: "nothing", valueText: null, durationMs: null, attempt: 1, wakesAt: null },
    { name: "null", valueText: "null" },
  ]);
  const [row] = await rows(
    "SELECT steps, s.created_at AS at FROM jobs JOIN jobs_steps s ON s.job_id = id WHERE name = 'first'",
  );
  expect(row).toEqual({ steps: 3, at: found[0]?.at });
});

test("remembering extends the lease, and shortens none that lasts longer", async () => {
  await insert();
  const job = await pickUpOne(store);
  const left = async (): Promise<unknown> =>
    (
      await rows("SELECT round(extract(epoch FROM lease_expires_at - now()) / 60)::int AS minutes FROM jobs")
    )[0];
  await rememberStep(store, job, step("a"), 10 * 60_000);
  expect(await left()).toEqual({ minutes: 10 });
  await rememberStep(store, job, step("b"), 0);
  expect(await left()).toEqual({ minutes: 10 });
});

test.for<[title: string, change: string]>([
  ["reaped and picked up again", "UPDATE jobs SET attempts = 2, locked_by = 'other:1'"],
  ["picked up again after a release", "UPDATE jobs SET locked_by = 'other:1'"],
  ["picked up again by the same worker", "UPDATE jobs SET attempts = 2"],
  ["READY", "UPDATE jobs SET status = 'READY'"],
  ["DONE", "UPDATE jobs SET status = 'DONE'"],
  ["CANCELLED", "UPDATE jobs SET status = 'CANCELLED'"],
  ["deleted", "DELETE FROM jobs"],
] as const)("a job that is %s by then remembers nothing", async ([, change]) => {
  const id = await insert();
  const job = await pickUpOne(store);
  await rows(change);
  const before = await queue.image(id);
  await expect(rememberStep(store, job, step("late", "1"), LEASE_MS)).rejects.toMatchObject({
    name: "LeaseLostError",
    jobId: id,
  });
  expect(await queue.image(id)).toBe(before);
  expect(await stepsOf(store, id)).toEqual([]);
});

test("an expired lease alone loses nothing", async () => {
  await insert();
  const job = await pickUpOne(store);
  await rows("UPDATE jobs SET lease_expires_at = now() - interval '1 hour'");
  await rememberStep(store, job, step("late"), LEASE_MS);
  expect(await rows("SELECT lease_expires_at > now() AS live FROM jobs")).toEqual([{ live: true }]);
});

test("it waits for who has the row, and remembers nothing where that was a reaper", async () => {
  const id = await insert();
  const job = await pickUpOne(store);
  const reaper = await queue.session();
  const zombie = await queue.session();
  await reaper.client.query("BEGIN; UPDATE jobs SET status = 'READY', locked_by = NULL");
  const late = expect(rememberStep(zombie.store, job, step("late"), LEASE_MS)).rejects.toMatchObject({
    name: "LeaseLostError",
  });
  await queue.blocked(zombie.pid);
  await reaper.client.query("COMMIT");
  await late;
  expect(await stepsOf(store, id)).toEqual([]);
});

test("steps side by side are all remembered and counted", async () => {
  await insert();
  const job = await pickUpOne(store);
  const sessions = await Promise.all([1, 2, 3, 4].map(() => queue.session()));
  await Promise.all(
    sessions.map(async (session, n) => rememberStep(session.store, job, step(`step ${n}`), LEASE_MS)),
  );
  expect(await rows("SELECT steps FROM jobs")).toEqual([{ steps: 4 }]);
  expect(await stepsOf(store, job.id)).toHaveLength(4);
});

test("repeated after a lost answer it changes nothing, and is counted once", async () => {
  await insert();
  const job = await pickUpOne(store);
  await rememberStep(store, job, step("a", "1"), LEASE_MS);
  await rememberStep(store, job, { ...step("a", "2"), again: true }, LEASE_MS);
  expect(await stepsOf(store, job.id)).toMatchObject([{ name: "a", valueText: "1" }]);
  expect(await rows("SELECT steps FROM jobs")).toEqual([{ steps: 1 }]);
});

test("a step that is remembered already fails the transaction that does its work again", async () => {
  await insert();
  const job = await pickUpOne(store);
  await rememberStep(store, job, step("a", "1"), LEASE_MS);
  const { client, store: own } = await queue.session();
  await client.query("BEGIN; INSERT INTO jobs (job_type) VALUES ('effect')");
  await expect(rememberStep(own.with(client), job, step("a", "2"), LEASE_MS)).rejects.toThrow(
    /the step is remembered already/,
  );
  await client.query("COMMIT");
  expect(await rows("SELECT count(*)::int AS effects FROM jobs WHERE job_type = 'effect'")).toEqual([
    { effects: 0 },
  ]);
});

test("a sleep is remembered with its end, by the database's clock or as a moment", async () => {
  await insert();
  const job = await pickUpOne(store);
  const asleep = await rememberStep(store, job, { ...step("hour"), wakes: 3_600_000 }, LEASE_MS);
  expect(asleep.inMs).toBe(3_600_000);
  const at = new Date("2001-02-03T04:05:06.789Z");
  expect(await rememberStep(store, job, { ...step("long ago"), wakes: at }, LEASE_MS)).toMatchObject({ at });
  const [hour, past] = await stepsOf(store, job.id);
  expect(hour?.wakesAt?.getTime()).toBe(asleep.at.getTime());
  expect(past?.wakesAt).toEqual(at);
});

test("other jobs' steps are not read", async () => {
  for (const name of ["one", "two"]) {
    await insert();
    await rememberStep(store, await pickUpOne(store), step(name), LEASE_MS);
  }
  const [job] = await rows("SELECT max(id)::text AS id FROM jobs");
  expect(await stepsOf(store, String(job?.["id"]))).toMatchObject([{ name: "two" }]);
});

test("what steps of 1 kB write grows with each step alone: ten times of what they hold at most", async ({
  skip,
}) => {
  if ((await serverMajor()) < 13) skip("EXPLAIN (WAL) came with 13");
  await insert();
  const job = await pickUpOne(store);
  const [count, bytes] = [300, 1_024];
  let written = 0;
  for (let n = 0; n < count; n += 1) {
    const value = JSON.stringify(String(Math.random()).repeat(100).slice(0, bytes));
    const { text, params } = rememberStepStatement(
      rememberStepText(tableNames()),
      job,
      step(`page ${n}`, value),
      LEASE_MS,
    );
    const plan = JSON.stringify(await rows(`EXPLAIN (ANALYZE, WAL, FORMAT JSON) ${text}`, params));
    // Of a part and of the whole: rather too much than too little.
    for (const [, wal] of plan.matchAll(/"WAL Bytes":(\d+)/g)) written += Number(wal);
  }
  expect(written).toBeGreaterThan(count * bytes);
  expect(written).toBeLessThan(10 * count * bytes);
});
