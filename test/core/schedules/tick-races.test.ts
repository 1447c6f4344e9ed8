import { expect, test } from "vitest";

import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { defineSchedules } from "../../../src/core/schedules/define-schedules.ts";
import { PgJobStore } from "../../../src/core/store.ts";
import { testQueue } from "../../support/queue.ts";

const queue = await testQueue();

const MINUTE = 60_000;
/** Berlin's clock is put back at 01:00 UTC of that day. */
const FROM = Date.parse("2026-10-25T00:00:00Z");
const TO = Date.parse("2026-10-25T03:00:00Z");
const ROUNDS = 60;

/** Each calls again and again, with a clock of its own that goes through the double hour and jumps by up to an hour. */
async function scheduler(seed: number): Promise<void> {
  const { client } = await queue.session();
  let random = seed;
  const next = (): number => (random = (random * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
  for (let round = 0; round < ROUNDS; round += 1) {
    const clock = FROM + ((TO - FROM) * round) / ROUNDS + (next() * 2 - 1) * 60 * MINUTE;
    await client.query("SELECT count(*) FROM jobs_tick(100, $1)", [
      new Date(Math.min(clock, TO)).toISOString(),
    ]);
  }
}

const TWICE = `SELECT count(*)::int AS n FROM (
  SELECT 1 FROM jobs WHERE scheduled_for IS NOT NULL GROUP BY schedule, scheduled_for HAVING count(*) > 1) twice`;

test.for([
  ["", "SELECT 1"],
  [", without the unique index", "DROP INDEX uq_jobs_tick"],
] as const)(
  "ten schedulers at once, whose clocks jump by an hour through a double hour: no tick twice, none left out%s",
  async ([, before]) => {
    await queue.rows(before);
    const crons = {
      minutely: "* * * * *",
      half: "*/30 * * * *",
      named: "30 2 * * *",
      odd: "7-59/13 * * * *",
    };
    for (const missed of ["all", "once"]) {
      for (const [name, cron] of Object.entries(crons)) {
        await queue.rows(
          `INSERT INTO jobs_schedules (name, job_type, cron, time_zone, missed, overlap, next_tick)
           SELECT $1, 'a', $2, 'Europe/Berlin', $3, 'allow', t FROM jobs_cron_ticks($2, 'Europe/Berlin', $4) t`,
          [`${name}-${missed}`, cron, missed, new Date(FROM).toISOString()],
        );
      }
    }
    await Promise.all(Array.from({ length: 10 }, (_, seed) => scheduler(seed + 1)));
    while ((await queue.rows("SELECT 1 FROM jobs_tick(100, $1)", [new Date(TO).toISOString()])).length > 0);
    expect(await queue.rows(TWICE)).toEqual([{ n: 0 }]);
    for (const [name, cron] of Object.entries(crons)) {
      const [all] = await queue.rows(
        `SELECT (SELECT array_agg(t ORDER BY t) FROM jobs_cron_ticks($2, 'Europe/Berlin', $3, $4, 100000) t)
                = (SELECT array_agg(scheduled_for ORDER BY scheduled_for) FROM jobs WHERE schedule = $1 || '-all') AS each,
                NOT EXISTS (SELECT FROM jobs WHERE schedule = $1 || '-once'
                             AND scheduled_for NOT IN (SELECT t FROM jobs_cron_ticks($2, 'Europe/Berlin', $3, $4, 100000) t)) AS right`,
        [name, cron, new Date(FROM).toISOString(), new Date(TO).toISOString()],
      );
      expect([name, all]).toEqual([name, { each: true, right: true }]);
    }
    await queue.rows(
      "CREATE UNIQUE INDEX IF NOT EXISTS uq_jobs_tick ON jobs (schedule, scheduled_for) WHERE schedule IS NOT NULL",
    );
  },
);

test("deployers that flap between two versions, and tickers beside them: no tick twice, and the last declares", async () => {
  const each = { job: "a", cron: "* * * * * *", overlap: "allow", missed: "all" } as const;
  const versions = [
    defineSchedules({ s: each, t: each }),
    defineSchedules({ s: { ...each, cron: "*/2 * * * * *" }, u: each }),
  ] as const;
  const deploy = async (first: 0 | 1): Promise<void> => {
    const { client } = await queue.session();
    for (let round = 0; round < 120; round += 1) {
      // Each process has a store of its own.
      const store = new PgJobStore(pgExecutor(client), { logger: false });
      await versions[(round + first) % 2 === 0 ? 0 : 1].declaration(store, "one", silentLogger)?.({});
    }
  };
  let deployed = false;
  const tick = async (): Promise<void> => {
    const { store } = await queue.session();
    while (!deployed) await store.tick();
  };
  const ticking = Array.from({ length: 4 }, tick);
  await Promise.all([deploy(0), deploy(1), deploy(0), deploy(1)]);
  deployed = true;
  await Promise.all(ticking);
  expect(await queue.rows(TWICE)).toEqual([{ n: 0 }]);
  await expect
    .poll(async () => (await queue.store.tick(), (await queue.rows("SELECT 1 FROM jobs")).length))
    .toBeGreaterThan(0);
  const { store } = await queue.session();
  await versions[0].declaration(store, "one", silentLogger)?.({});
  expect(await queue.rows("SELECT name, cron FROM jobs_schedules ORDER BY name")).toEqual([
    { name: "s", cron: each.cron },
    { name: "t", cron: each.cron },
  ]);
});

test("one who declares holds no row that another declaration waits for: no order of theirs is a deadlock", async () => {
  const definition = { job: "a", cron: "@yearly" } as const;
  const names = ["a", "b", "c", "d"];
  const versionOf = (kept: readonly string[], timeZone: string): ReturnType<typeof defineSchedules> =>
    defineSchedules(Object.fromEntries(kept.map((name) => [name, { ...definition, timeZone }])));
  const declares = async (store: PgJobStore, schedules: ReturnType<typeof defineSchedules>): Promise<void> =>
    schedules.declaration(store, "one", silentLogger)?.({});
  await declares(queue.store, versionOf(names, "UTC"));
  // What the first two wait for: the row that the one would remove, and the other write.
  const ticker = await queue.session();
  await ticker.client.query("BEGIN; SELECT FROM jobs_schedules WHERE name = 'a' FOR NO KEY UPDATE");
  const [first, second] = [await queue.session(), await queue.session()];
  const removing = declares(first.store, versionOf(["c", "d"], "Asia/Seoul"));
  await queue.blocked(first.pid);
  const writing = declares(second.store, versionOf(["a", "b"], "Europe/Berlin"));
  await queue.blocked(second.pid);
  // Who has locked a row has a transaction's number.
  expect(await queue.rows("SELECT backend_xid FROM pg_stat_activity WHERE pid = $1", [second.pid])).toEqual([
    { backend_xid: null },
  ]);
  await ticker.client.query("COMMIT");
  await Promise.all([removing, writing]);
  expect(await queue.rows("SELECT name, time_zone FROM jobs_schedules ORDER BY name")).toEqual([
    { name: "a", time_zone: "Europe/Berlin" },
    { name: "b", time_zone: "Europe/Berlin" },
  ]);
});

test("a process that is killed while it ticks leaves the tick to the next; one that has ticked leaves its jobs", async () => {
  await queue.rows(
    "INSERT INTO jobs_schedules (name, job_type, cron, next_tick) VALUES ('s', 'a', '@yearly', now() - interval '1 s')",
  );
  const { client, pid, store } = await queue.session();
  await client.query("BEGIN; SELECT * FROM jobs_tick()");
  expect(await queue.store.tick()).toEqual([]);
  await queue.rows("SELECT pg_terminate_backend($1)", [pid]);
  await expect(store.tick()).rejects.toThrow();
  await expect.poll(() => queue.store.tick()).toMatchObject([{ schedule: "s" }]);
  // The session that ticked is gone by now: the job is the table's.
  const { store: other } = await queue.session();
  expect(await other.pickup({ types: ["a"] })).toMatchObject([{ type: "a" }]);
});
