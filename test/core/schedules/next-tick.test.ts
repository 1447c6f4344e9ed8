import { randomUUID } from "node:crypto";

import { expect, test } from "vitest";

import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import { tableMigrations } from "../../../src/migrate/migrations.ts";
import { PgJobStore } from "../../../src/core/store.ts";
import type { SqlStatement } from "../../../src/core/executor.ts";
import { noting } from "../../support/between.ts";
import { pickUpOf, testQueue } from "../../support/queue.ts";
import { tableDatabase } from "../../support/table-database.ts";

const queue = await testQueue();

const reap = { defaultTimeoutSeconds: 1_200 };

test("a whole turn says when the next tick is due; one that only picks up does not ask", async () => {
  expect((await queue.store.turn({ reap })).nextTickInMs).toBeNull();
  expect(await queue.store.turn({ pickUp: pickUpOf() })).not.toHaveProperty("nextTickInMs");
  expect((await queue.store.turn({ pickUp: pickUpOf(), schedules: true })).nextTickInMs).toBeNull();
  await queue.rows("INSERT INTO jobs_schedules (name, job_type, cron) VALUES ('s', 'a', '* * * * *')");
  const { nextTickInMs } = await queue.store.turn({ reap });
  expect(nextTickInMs).toBeGreaterThan(0);
  expect(nextTickInMs).toBeLessThanOrEqual(60_000);
  await queue.rows("UPDATE jobs_schedules SET next_tick = now() - interval '1 hour'");
  expect((await queue.store.turn({ reap })).nextTickInMs).toBe(0);
  await queue.rows("UPDATE jobs_schedules SET paused = true");
  expect((await queue.store.turn({ reap })).nextTickInMs).toBeNull();
});

test("on a table of an older version turns go on, and ask again once it was migrated", async () => {
  await using database = await tableDatabase();
  for (const { number, text } of tableMigrations({}, "always")) if (number < 4) await database.rows(text);
  const sent: SqlStatement[] = [];
  const store = new PgJobStore(noting(sent)(pgExecutor(database.pool)), { logger: false });
  await store.enqueue("a", {});
  const pickUp = { types: ["a"], slots: 1, lockedBy: `w:${randomUUID()}`, leaseMs: 30_000 };
  expect(await store.turn({ pickUp, reap })).toMatchObject({ jobs: [{ type: "a" }], nextTickInMs: null });
  const before = sent.length;
  expect((await store.turn({ reap })).nextTickInMs).toBeNull();
  expect(sent).toHaveLength(before + 1);
  await database.migrate();
  await database.rows("INSERT INTO jobs_schedules (name, job_type, cron) VALUES ('s', 'a', '@yearly')");
  // There may be one; from the next turn on it is known.
  expect((await store.turn({ reap })).nextTickInMs).toBe(0);
  expect((await store.turn({ reap })).nextTickInMs).toBeGreaterThan(0);
});

test("on such a table a reap in the caller's transaction does not end that", async () => {
  await using database = await tableDatabase();
  for (const { number, text } of tableMigrations({}, "always")) if (number < 4) await database.rows(text);
  const store = new PgJobStore(pgExecutor(database.pool), { logger: false });
  await store.transaction(async (tx) => {
    expect(await store.with(tx).reapStale()).toEqual([]);
    await store.with(tx).enqueue("a", {});
  });
  expect(await database.rows("SELECT count(*)::int AS n FROM jobs")).toEqual([{ n: 1 }]);
});

test("a role without rights to the schedules runs jobs all the same", async () => {
  const { client } = await queue.session();
  await client.query(`BEGIN; CREATE ROLE pqrun_jobs_only; GRANT USAGE ON SCHEMA public TO pqrun_jobs_only;
    GRANT SELECT, INSERT, UPDATE, DELETE ON jobs, jobs_waiting TO pqrun_jobs_only;
    GRANT USAGE ON SEQUENCE jobs_id_seq TO pqrun_jobs_only; SET LOCAL ROLE pqrun_jobs_only`);
  const store = new PgJobStore(pgExecutor(client), { logger: false }, true);
  expect(await store.reapStale()).toEqual([]);
  await client.query("ROLLBACK");
});
