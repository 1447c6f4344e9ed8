import { expect, test } from "vitest";

import { testQueue } from "../../support/queue.ts";

const queue = await testQueue();

/** Schedules, each due for so many minutes: once, or each minute. */
async function overdue(
  minutes: Readonly<Record<string, number>>,
  columns = "",
  cron = "@yearly",
): Promise<void> {
  for (const [name, ago] of Object.entries(minutes)) {
    await queue.rows(
      `INSERT INTO jobs_schedules (name, job_type, cron, next_tick)
       VALUES ($1, 'a', $3, date_trunc('minute', now()) - $2 * interval '1 minute')`,
      [name, ago, cron],
    );
  }
  if (columns !== "") await queue.rows(`UPDATE jobs_schedules SET ${columns}`);
}

const names = async (): Promise<readonly string[]> =>
  (await queue.store.tick()).map(({ schedule }) => schedule);

test("of more schedules than it may serve a tick serves those that have been due longest", async () => {
  await overdue({ a: 1, b: 3, c: 2 });
  expect(await queue.rows("SELECT schedule FROM jobs_tick(2)")).toEqual([
    { schedule: "b" },
    { schedule: "c" },
  ]);
  expect(await names()).toEqual(["a"]);
});

test("a schedule that somebody has locked delays no other, and one that a foreign key holds is served", async () => {
  await overdue({ locked: 2, other: 1 });
  const { client } = await queue.session();
  await client.query("BEGIN; SELECT 1 FROM jobs_schedules WHERE name = 'locked' FOR UPDATE");
  expect(await names()).toEqual(["other"]);
  await client.query("ROLLBACK; BEGIN; SELECT 1 FROM jobs_schedules WHERE name = 'locked' FOR KEY SHARE");
  expect(await names()).toEqual(["locked"]);
  await client.query("ROLLBACK");
});

test("the last job is the one that the latest of several ticks has made, were it not the last tick", async () => {
  await overdue({ each: 5 }, "missed = 'all', overlap = 'allow'", "* * * * *");
  await queue.store.tick();
  const last =
    "SELECT last_job_id = (SELECT max(id) FROM jobs) AS newest, last_tick < now() AS past FROM jobs_schedules";
  expect(await queue.rows(last)).toEqual([{ newest: true, past: true }]);
  await queue.rows("TRUNCATE jobs, jobs_schedules");
  await overdue({ first: 5 }, "missed = 'all'", "* * * * *");
  expect((await queue.store.tick()).map(({ jobId }) => jobId !== null).slice(0, 3)).toEqual([
    true,
    false,
    false,
  ]);
  expect(await queue.rows(last)).toEqual([{ newest: true, past: true }]);
});

test.for([
  ["00:00:59", true],
  ["00:01:00", false],
] as const)("missed: skip at %s after midnight: midnight's tick makes a job is %s", async ([time, made]) => {
  await overdue({ s: 0 }, "missed = 'skip', next_tick = '2026-01-01T00:00:00Z'");
  expect(
    await queue.rows("SELECT job_id IS NOT NULL AS made FROM jobs_tick(100, $1)", [`2026-01-01T${time}Z`]),
  ).toEqual([{ made }]);
});

test("a schedule that fails leaves those alone that are not due", async () => {
  await queue.rows("ALTER TABLE jobs ADD CONSTRAINT no_b CHECK (job_type <> 'b')");
  try {
    await overdue({ bad: 1, later: -60 });
    await queue.rows("UPDATE jobs_schedules SET job_type = 'b' WHERE name = 'bad'");
    expect(await queue.store.tick()).toMatchObject([{ schedule: "bad", jobId: null }]);
    expect(await queue.rows("SELECT name FROM jobs_schedules WHERE last_error IS NULL")).toEqual([
      { name: "later" },
    ]);
  } finally {
    await queue.rows("ALTER TABLE jobs DROP CONSTRAINT no_b");
  }
});

test("another expression or zone is planned anew, and nothing else is; nor what is paused when it is made", async () => {
  await overdue({ s: 1 });
  const next = async (change: string): Promise<unknown> => {
    const [row] = await queue.rows(`UPDATE jobs_schedules SET ${change} WHERE name = 's'
      RETURNING next_tick < now() AS due, next_tick AT TIME ZONE time_zone AS shown`);
    return row?.["due"] === true ? "due" : row?.["shown"];
  };
  expect(await next("payload = '{}', job_type = 'b', priority = 1")).toBe("due");
  expect(String(await next("cron = '0 12 1 1 *'"))).toMatch(/Jan 01 \d{4} 12:00/);
  expect(String(await next("time_zone = 'Asia/Seoul'"))).toMatch(/Jan 01 \d{4} 12:00/);
  const paused = `INSERT INTO jobs_schedules (name, job_type, cron, paused) VALUES ('p', 'a', '* * * * *', true)
    RETURNING next_tick`;
  expect(await queue.rows(paused)).toEqual([{ next_tick: null }]);
});

test("the index of ticks holds no job that no schedule has made", async () => {
  const size = "SELECT pg_relation_size('uq_jobs_tick')::int AS bytes";
  const before = await queue.rows(size);
  await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, 2000)");
  expect(await queue.rows(size)).toEqual(before);
});
