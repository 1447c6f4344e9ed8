import { expect, test } from "vitest";

import { testQueue } from "../../support/queue.ts";

const queue = await testQueue();

/** Notifications of one schedule that is made, by whatever was set before. */
async function heardOf(work: readonly string[]): Promise<number> {
  const [{ client: listener }, { client }] = [await queue.session(), await queue.session()];
  let heard = 0;
  listener.on("notification", () => (heard += 1));
  await listener.query("LISTEN pqrun_jobs");
  for (const text of work) await client.query(text);
  // The server sends what was committed before ahead of the next answer.
  await listener.query("SELECT 1");
  return heard;
}

const MADE = "INSERT INTO jobs_schedules (name, job_type, cron) VALUES ('s', 'a', '@yearly')";
const waiting = (until: string): string =>
  `INSERT INTO jobs_waiting (worker, until) VALUES ('w${until}', now() + interval '${until}')`;

test("a schedule that is made notifies where a worker waits, and nobody where none does", async () => {
  expect(await heardOf([MADE])).toBe(0);
  expect(await heardOf([waiting("-1 minute"), "DELETE FROM jobs_schedules", MADE])).toBe(0);
  expect(await heardOf([waiting("1 minute"), waiting("2 minutes"), "DELETE FROM jobs_schedules", MADE])).toBe(
    1,
  );
});

test("so does one that is to tick sooner or is resumed; not one that has ticked or is paused", async () => {
  await queue.rows(waiting("1 hour"));
  await queue.rows(MADE);
  expect(await heardOf(["UPDATE jobs_schedules SET next_tick = now() - interval '1 hour'"])).toBe(1);
  expect(await heardOf(["SELECT * FROM jobs_tick()"])).toBe(1); // Of the job alone.
  expect(await heardOf(["UPDATE jobs_schedules SET paused = true"])).toBe(0);
  expect(await heardOf(["UPDATE jobs_schedules SET paused = false"])).toBe(1);
});

test("a transaction that can't see who waits by now notifies in any case", async () => {
  expect(await heardOf(["BEGIN ISOLATION LEVEL REPEATABLE READ", MADE, "COMMIT"])).toBe(1);
});
