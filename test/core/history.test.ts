import { expect, test } from "vitest";

import { history } from "../../src/operate.ts";
import type { History, HistoryMinute } from "../../src/operate.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

/** Rows by SQL: `n` jobs whose times are given relative to the beginning of the current minute, `m`. */
async function fill(n: number, columns: Readonly<Record<string, string>>): Promise<void> {
  const names = Object.keys(columns).join(", ");
  await queue.rows(
    `INSERT INTO jobs (job_type, ${names})
     SELECT 'a', ${Object.values(columns).join(", ")} FROM generate_series(1, ${n}) n, (SELECT date_trunc('minute', now()) AS m) m`,
  );
}

/** A minute of the history, counted back from the one that is not over. Between two statements the minute may end. */
function minute({ minutes, until }: History, back: number, fromMinute: Date): HistoryMinute | undefined {
  const gone = Math.floor(until.getTime() / 60_000) - Math.floor(fromMinute.getTime() / 60_000);
  return minutes.at(-1 - back - gone);
}

async function now(): Promise<Date> {
  const [row] = await queue.rows("SELECT now() AS now");
  return row?.["now"] as Date;
}

test("a history of nothing has each minute all the same", async () => {
  const seen = await history(store, { minutes: 3 });
  expect(seen).toMatchObject({ complete: true, sampled: 0, depthAtLeast: false });
  const idle = {
    enqueued: 0,
    done: 0,
    failed: 0,
    cancelled: 0,
    durationP50Ms: null,
    waitP95Ms: null,
    depth: 0,
  };
  expect(seen.minutes).toHaveLength(3);
  for (const each of seen.minutes) expect(each).toMatchObject(idle);
  expect(seen.minutes.map(({ at }) => at.getTime() % 60_000)).toEqual([0, 0, 0]);
});

test("each minute has what was enqueued and finished in it, how long it took and had waited, and how much was left", async () => {
  const started = await now();
  // Five minutes ago ten were enqueued, due at once; two minutes ago each began and took n × 10 ms.
  const old = { created_at: "m - interval '5 min'", run_after: "m - interval '5 min'" };
  const ended = {
    ...old,
    duration_ms: "n * 10",
    finished_at: "m - interval '2 min' + n * 10 * interval '1 ms'",
  };
  await fill(10, { ...ended, status: "'DONE'::job_status" });
  await fill(2, { ...ended, status: "'FAILED'::job_status", duration_ms: "5000" });
  await fill(1, { ...ended, status: "'CANCELLED'::job_status", duration_ms: "NULL::int" });
  await fill(3, { ...old, status: "'READY'::job_status" });
  await fill(1, { ...old, status: "'RUNNING'::job_status" });
  const seen = await history(store, { minutes: 10 });
  expect(seen).toMatchObject({ complete: true, sampled: 17, depthAtLeast: false });
  expect(minute(seen, 2, started)).toMatchObject({
    enqueued: 0,
    done: 10,
    failed: 2,
    cancelled: 1,
    durationP50Ms: 60,
    durationP95Ms: 5_000,
    waitP50Ms: 180_000,
    waitP95Ms: 180_000,
    depth: 4,
  });
  expect(minute(seen, 5, started)).toMatchObject({ enqueued: 17, done: 0, depth: 17 });
  expect(minute(seen, 3, started)).toMatchObject({ enqueued: 0, done: 0, depth: 17 });
  expect(minute(seen, 6, started)).toMatchObject({ enqueued: 0, depth: 0 });
  const other = await history(store, { minutes: 10, type: "b" });
  expect(
    other.minutes.every(({ enqueued, done, depth }) => enqueued === 0 && done === 0 && depth === 0),
  ).toBe(true);
});

test("where there are more jobs than it looks at, a history says since when it has all that finished", async () => {
  const started = await now();
  // One a second, done as it came, for 20 minutes; looked at are the last 300.
  const each = "m - (1200 - n) * interval '1 s'";
  await fill(1_200, {
    status: "'DONE'::job_status",
    created_at: each,
    run_after: each,
    finished_at: each,
    duration_ms: "1",
  });
  const seen = await history(store, { minutes: 15, sample: 300 });
  expect(seen).toMatchObject({ complete: false, sampled: 300 });
  const covered = started.getTime() - seen.since.getTime();
  expect(covered).toBeGreaterThan(240_000);
  expect(covered).toBeLessThan(361_000);
  expect(minute(seen, 2, started)).toMatchObject({ enqueued: 60, done: 60, depth: 0 });
  expect(seen.minutes[0]?.enqueued).toBeNull();
  expect(seen.minutes[0]?.at.getTime()).toBe(Math.floor(seen.since.getTime() / 60_000) * 60_000);
});

test("what is worked off of a backlog is seen, however many newer jobs wait, and a job retried after a day hides nothing", async () => {
  const started = await now();
  const old = { created_at: "m - interval '1 day'", run_after: "m - interval '1 day'" };
  await fill(500, {
    ...old,
    status: "'DONE'::job_status",
    finished_at: "m - interval '1 day'",
    duration_ms: "1",
  });
  await fill(1, { ...old, status: "'RUNNING'::job_status" });
  // A backlog of an hour ago: of its first 2,000 one was done each second, up to now.
  const backlog = { created_at: "m - interval '1 h'", run_after: "m - interval '1 h'" };
  const finished_at = "m - (2000 - n) * interval '1 s'";
  await fill(2_000, { ...backlog, status: "'DONE'::job_status", finished_at, duration_ms: "1000" });
  await fill(1, { ...backlog, status: "'RUNNING'::job_status" });
  await fill(5_000, { ...backlog, status: "'READY'::job_status" });
  for (const running of [true, false]) {
    if (!running) await queue.rows("DELETE FROM jobs WHERE status = 'RUNNING'");
    const seen = await history(store, { minutes: 30, sample: 1_000 });
    expect(seen).toMatchObject({ complete: false, sampled: 1_000 });
    expect(minute(seen, 2, started)).toMatchObject({ enqueued: 0, done: 60, depth: running ? 5_063 : 5_061 });
    const covered = started.getTime() - seen.since.getTime();
    expect(covered).toBeGreaterThan(400_000);
    expect(covered).toBeLessThan(561_000);
  }
});

test.each([{ minutes: 0 }, { minutes: 1_441 }, { sample: 99 }, { sample: 20_001 }, { hours: 1 }])(
  "a history of %j is refused by name",
  async (options) => {
    const [name = ""] = Object.keys(options);
    await expect(history(store, options)).rejects.toMatchObject({ name: "InvalidInputError", field: name });
  },
);
