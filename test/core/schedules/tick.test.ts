import { expect, test } from "vitest";

import { PythonWorker } from "../../support/python-worker.ts";
import { testQueue } from "../../support/queue.ts";

const queue = await testQueue();

/** A schedule whose next tick was due so long ago; its ticks are on whole minutes. */
async function overdue(
  name: string,
  ago: string,
  values: Readonly<Record<string, string>> = {},
): Promise<void> {
  const columns = Object.entries({ name: `'${name}'`, job_type: "'a'", cron: "'* * * * *'", ...values });
  await queue.rows(
    `INSERT INTO jobs_schedules (${columns.map(([column]) => column).join(", ")}, next_tick)
     VALUES (${columns.map(([, value]) => value).join(", ")}, date_trunc('minute', now() - interval '${ago}'))`,
  );
}

const JOBS = `SELECT schedule, count(*)::int AS n,
  bool_and(scheduled_for = date_trunc('minute', scheduled_for)) AS whole FROM jobs GROUP BY schedule ORDER BY schedule`;

test("of ticks that were missed the latest makes a job, and the next is ahead", async () => {
  await overdue("s", "2 hours");
  expect(await queue.store.tick()).toMatchObject([{ schedule: "s", problem: null }]);
  expect(await queue.rows(JOBS)).toEqual([{ schedule: "s", n: 1, whole: true }]);
  expect(
    await queue.rows(
      "SELECT now() - scheduled_for < interval '1 minute' AS late, run_after = scheduled_for AS due FROM jobs",
    ),
  ).toEqual([{ late: true, due: true }]);
  expect(
    await queue.rows("SELECT next_tick > now() AS ahead, last_tick < now() AS past FROM jobs_schedules"),
  ).toEqual([{ ahead: true, past: true }]);
  expect(await queue.store.tick()).toEqual([]);
});

test("missed: all makes a job of each, a hundred at a time and the oldest first", async () => {
  await overdue("s", "130 minutes", { missed: "'all'", overlap: "'allow'" });
  expect(await queue.store.tick()).toHaveLength(100);
  expect((await queue.store.tick()).length).toBeGreaterThanOrEqual(30);
  expect(await queue.store.tick()).toEqual([]);
  const [gaps] = await queue.rows(
    `SELECT count(*)::int AS n, count(*) FILTER (WHERE scheduled_for - before <> interval '1 minute')::int AS odd
       FROM (SELECT scheduled_for, lag(scheduled_for) OVER (ORDER BY id) AS before FROM jobs) t`,
  );
  expect(gaps).toMatchObject({ odd: 0 });
});

test("missed: skip makes none of what is more than a minute late, and goes on", async () => {
  await overdue("late", "10 minutes", { cron: "'@yearly'", missed: "'skip'" });
  const [tick] = await queue.store.tick();
  expect(tick).toMatchObject({ schedule: "late", jobId: null, problem: null });
  expect(await queue.rows("SELECT next_tick > now() AS ahead FROM jobs_schedules")).toEqual([
    { ahead: true },
  ]);
});

test("while a job of the schedule is active its next tick makes none, unless overlaps are allowed", async () => {
  await overdue("one", "1 minute");
  await overdue("each", "1 minute", { overlap: "'allow'" });
  await queue.store.tick();
  await queue.rows("UPDATE jobs_schedules SET next_tick = next_tick - interval '1 minute'");
  await queue.rows("UPDATE jobs SET scheduled_for = scheduled_for - interval '1 hour'");
  const again = await queue.store.tick();
  expect(again.map(({ schedule, jobId }) => [schedule, jobId !== null]).sort()).toEqual([
    ["each", true],
    ["one", false],
  ]);
  await queue.rows("UPDATE jobs SET status = 'DONE' WHERE schedule = 'one'");
  await queue.rows(
    "UPDATE jobs_schedules SET next_tick = next_tick - interval '1 minute' WHERE name = 'one'",
  );
  expect(await queue.store.tick()).toMatchObject([{ schedule: "one", jobId: expect.any(String) as string }]);
});

test("a schedule that is deleted, made again and ticked with a wrong clock makes no second job for a tick", async () => {
  await overdue("s", "1 minute", { overlap: "'allow'" });
  const [first] = await queue.store.tick();
  await queue.rows("DELETE FROM jobs_schedules");
  await overdue("s", "1 minute", { overlap: "'allow'" });
  const moment = first?.at.toISOString();
  await queue.rows("UPDATE jobs_schedules SET next_tick = $1", [moment]);
  expect(await queue.rows("SELECT job_id FROM jobs_tick(100, $1)", [moment])).toEqual([{ job_id: null }]);
  expect(await queue.rows(JOBS)).toMatchObject([{ n: 1 }]);
});

test("what the schedule says of its jobs stands in them, and tickAs puts the tick's time into the payload", async () => {
  await overdue("s", "1 minute", {
    payload: `'{"kind": "daily"}'`,
    tick_as: "'day'",
    priority: "7",
    max_attempts: "2",
    timeout_seconds: "30",
  });
  const [tick] = await queue.store.tick();
  const job = await queue.store.get(tick?.jobId ?? "");
  expect(job).toMatchObject({
    type: "a",
    payload: { kind: "daily", day: tick?.at.toISOString().replace(".000", "") },
    priority: 7,
    maxAttempts: 2,
    timeoutSeconds: 30,
    dedupeKey: "schedule:s",
  });
});

test("jitter puts a job off by up to so many seconds, the same for a tick from every runner", async () => {
  for (let n = 0; n < 40; n += 1) await overdue(`s${n}`, "1 minute", { jitter_seconds: "30" });
  await queue.store.tick();
  const [spread] = await queue.rows(
    `SELECT min(run_after - scheduled_for) >= interval '0' AND max(run_after - scheduled_for) <= interval '30 s' AS within,
            count(DISTINCT run_after - scheduled_for) > 10 AS apart FROM jobs`,
  );
  expect(spread).toEqual({ within: true, apart: true });
});

test("a schedule that fails is stopped with its error, the others go on, and a correction starts it again", async () => {
  await queue.rows("ALTER TABLE jobs ADD CONSTRAINT no_b CHECK (job_type <> 'b')");
  try {
    await overdue("bad", "2 minutes", { job_type: "'b'", missed: "'all'" });
    await overdue("good", "1 minute");
    const ticks = await queue.store.tick();
    expect(ticks.filter(({ problem }) => problem !== null)).toMatchObject([
      { schedule: "bad", jobId: null, problem: expect.stringContaining("no_b") as string },
    ]);
    expect(await queue.rows(JOBS)).toMatchObject([{ schedule: "good", n: 1 }]);
    const state =
      "SELECT name, next_tick IS NULL AS stopped, last_error ~ 'no_b' AS why FROM jobs_schedules ORDER BY name";
    expect(await queue.rows(state)).toEqual([
      { name: "bad", stopped: true, why: true },
      { name: "good", stopped: false, why: null },
    ]);
    await queue.rows("UPDATE jobs_schedules SET job_type = 'a' WHERE name = 'bad'");
    expect(await queue.rows(state)).toMatchObject([{ stopped: false, why: null }, {}]);
  } finally {
    await queue.rows("ALTER TABLE jobs DROP CONSTRAINT no_b");
  }
});

test("a role that may not insert jobs stops no schedule", async () => {
  await overdue("s", "1 minute");
  const { client } = await queue.session();
  await client.query(
    "BEGIN; CREATE ROLE pqrun_no_insert; GRANT SELECT, UPDATE ON jobs_schedules TO pqrun_no_insert",
  );
  await client.query("SAVEPOINT before; SET LOCAL ROLE pqrun_no_insert");
  await expect(client.query("SELECT * FROM jobs_tick()")).rejects.toMatchObject({ code: "42501" });
  await client.query("ROLLBACK");
  expect(await queue.store.tick()).toMatchObject([{ schedule: "s", problem: null }]);
});

test("a paused schedule has no next tick, and what it missed stays missed", async () => {
  await overdue("s", "1 hour", { missed: "'all'" });
  await queue.rows("UPDATE jobs_schedules SET paused = true");
  expect(await queue.store.tick()).toEqual([]);
  await queue.rows("UPDATE jobs_schedules SET paused = false");
  expect(await queue.rows("SELECT next_tick > now() AS ahead FROM jobs_schedules")).toEqual([
    { ahead: true },
  ]);
  expect(await queue.store.tick()).toEqual([]);
});

test.for([
  ["61 * * * *", "UTC", "cron: '61' is not a minute"],
  ["* * * *", "UTC", "cron: '* * * *' has not 5 or 6 fields"],
  ["0 0 30 2 *", "UTC", "cron: '0 0 30 2 *' never comes"],
  ["0 0 * * *", "CET", "cron: 'CET' is not a time zone's name"],
  ["0 0 * * *", "Europe/Nowhere", 'time zone "Europe/Nowhere" not recognized'],
] as const)("%s in %s is refused by whatever writes it", async ([cron, zone, message]) => {
  const insert = queue.rows(
    "INSERT INTO jobs_schedules (name, job_type, cron, time_zone) VALUES ('s', 'a', $1, $2)",
    [cron, zone],
  );
  await expect(insert).rejects.toMatchObject({ code: "22023", message });
  await overdue("t", "1 minute");
  const update = queue.rows("UPDATE jobs_schedules SET cron = $1, time_zone = $2", [cron, zone]);
  await expect(update).rejects.toMatchObject({ code: "22023", message });
});

test("a trigger of the application's on the jobs runs with the search_path of the session that ticks", async () => {
  await queue.rows(`CREATE TABLE seen (n int);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO seen VALUES (1); RETURN NEW; END';
    CREATE TRIGGER note AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION note()`);
  try {
    await overdue("s", "1 minute");
    expect(await queue.store.tick()).toMatchObject([{ problem: null }]);
    expect(await queue.rows("SELECT n FROM seen")).toEqual([{ n: 1 }]);
  } finally {
    await queue.rows("DROP TRIGGER note ON jobs; DROP FUNCTION note; DROP TABLE seen");
  }
});

test("Python's workers run what schedules make", async () => {
  await overdue("s", "1 minute", { payload: `'{"n": 1}'` });
  const [tick] = await queue.store.tick();
  await using python = await PythonWorker.connect({ url: queue.url, name: "host-1", handlers: {} });
  expect(await python.pickUp()).toMatchObject({ id: tick?.jobId, job_type: "a" });
  await python.markDone(tick?.jobId ?? "", { length: 1 });
  expect(await queue.store.get(tick?.jobId ?? "")).toMatchObject({ status: "DONE", payload: { n: 1 } });
  await queue.rows("UPDATE jobs_schedules SET next_tick = next_tick - interval '1 minute'");
  await queue.rows("UPDATE jobs SET scheduled_for = scheduled_for - interval '1 hour'");
  expect(await queue.store.tick()).toMatchObject([{ jobId: expect.any(String) as string }]);
});
