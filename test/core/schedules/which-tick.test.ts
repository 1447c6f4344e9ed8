import { randomUUID } from "node:crypto";

import { expect, expectTypeOf, test } from "vitest";

import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import { PgJobStore } from "../../../src/core/store.ts";
import { tableMigrations } from "../../../src/migrate/migrations.ts";
import type { PickedUpJob } from "../../../src/core/job.ts";
import { pickUpOf, testQueue } from "../../support/queue.ts";
import { tableDatabase } from "../../support/table-database.ts";

const queue = await testQueue();
const { store } = queue;

const NAME = "ein 🐘's  name";
const reap = { defaultTimeoutSeconds: 1_200 };

/** Makes the job of one tick, and one that no schedule has made. */
async function ticked(): Promise<{ readonly schedule: string; readonly scheduledFor: Date | undefined }> {
  await queue.rows(
    "INSERT INTO jobs_schedules (name, job_type, cron, next_tick) VALUES ($1, 'a', '@yearly', now() - interval '1 hour')",
    [NAME],
  );
  const [tick] = await store.tick();
  await store.enqueue("a", {}, { priority: -1, runAfter: new Date(Date.now() - 60_000) });
  return { schedule: NAME, scheduledFor: tick?.at };
}

const NONE = { schedule: null, scheduledFor: null };

type PickUp = () => Promise<readonly PickedUpJob[]>;

const pickUps: Readonly<Record<string, PickUp>> = {
  "a turn that only picks up": async () => (await store.turn({ pickUp: pickUpOf({ slots: 2 }) })).jobs,
  "a whole turn": async () => (await store.turn({ pickUp: pickUpOf({ slots: 2 }), reap })).jobs,
  "a buffer": async () => (await store.turn({ pickUp: pickUpOf({ slots: 1, buffer: 1 }) })).jobs,
  pickup: () => store.pickup({ types: ["a"], limit: 2 }),
  "pickup in a transaction": async () => {
    const { client } = await queue.session();
    await client.query("BEGIN");
    const jobs = await store.with(pgExecutor(client)).pickup({ types: ["a"], limit: 2 });
    await client.query("COMMIT");
    return jobs;
  },
  "a search for a pick-up whose answer was lost": async () => {
    const pickUp = pickUpOf({ slots: 2 });
    await store.turn({ pickUp });
    return await store.findPickUp([pickUp.lockedBy]);
  },
  "a pick-up that leaves jobs out": async () =>
    (await store.turn({ pickUp: pickUpOf({ slots: 2, without: ["1"] }) })).jobs,
};

test.for(Object.entries(pickUps))("%s says which tick of which schedule a job is for", async ([, pickUp]) => {
  const tick = await ticked();
  const jobs = await pickUp();
  expectTypeOf(jobs).items.toHaveProperty("scheduledFor").toEqualTypeOf<Date | null>();
  expect(jobs).toMatchObject([tick, NONE]);
  expect(jobs[0]?.createdAt.getTime()).toBeGreaterThan((tick.scheduledFor?.getTime() ?? 0) + 3_000_000);
});

test("get and list say so, too, and a job that is FAILED as it has no attempt left is none that runs", async () => {
  const tick = await ticked();
  expect(await store.list()).toMatchObject([NONE, tick]);
  const [, made] = await store.list();
  expect(await store.get(made?.id ?? "")).toMatchObject(tick);
  await queue.rows("UPDATE jobs SET attempts = max_attempts WHERE schedule IS NOT NULL");
  expect(await store.turn({ pickUp: pickUpOf({ slots: 2 }) })).toMatchObject({
    jobs: [NONE],
    exhausted: [{ id: made?.id }],
  });
});

test("what SQL has inserted may have a schedule and no tick", async () => {
  await queue.rows("INSERT INTO jobs (job_type, schedule) VALUES ('a', $1), ('a', '')", [NAME]);
  expect(await store.pickup({ types: ["a"], limit: 2 })).toMatchObject([
    { schedule: NAME, scheduledFor: null },
    { schedule: "", scheduledFor: null },
  ]);
  const [job] = await store.list({ statuses: ["RUNNING"] });
  expect(job).toMatchObject({ schedule: "", scheduledFor: null });
});

test("on a table without schedules jobs are picked up, found and read, each way, and no schedule has made them", async () => {
  await using database = await tableDatabase();
  for (const { number, text } of tableMigrations({}, "always")) if (number < 4) await database.rows(text);
  const old = (): PgJobStore => new PgJobStore(pgExecutor(database.pool), { logger: false });
  await old().enqueueMany(Array.from({ length: 4 }, () => ({ type: "a", payload: {} })));
  expect(await old().pickup({ types: ["a"] })).toMatchObject([NONE]);
  const lockedBy = `w:${randomUUID()}`;
  const pickUp = { types: ["a"], slots: 1, lockedBy, leaseMs: 30_000 };
  expect((await old().turn({ pickUp, reap })).jobs).toMatchObject([NONE]);
  expect(await old().findPickUp([lockedBy])).toMatchObject([NONE]);
  const store = old();
  await store.transaction(async (tx) => {
    expect(await store.with(tx).pickup({ types: ["a"], limit: 2 })).toMatchObject([NONE, NONE]);
  });
  expect(await old().list()).toMatchObject([NONE, NONE, NONE, NONE]);
  expect(await old().get("1")).toMatchObject(NONE);
});
