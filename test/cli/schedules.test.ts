import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { cronInWords } from "../../src/cli/terminal/cron-in-words.ts";
import { tableDatabase, type TableDatabase } from "../support/table-database.ts";
import { cli, type CliRun } from "./run-cli.ts";

let database: TableDatabase;
beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(() => database.rows("TRUNCATE jobs, jobs_schedules"));

const schedules = (...args: readonly string[]): Promise<CliRun> =>
  cli(["schedules", ...args], { DATABASE_URL: database.url });

test("a schedule is made, listed in words, paused, resumed, run and deleted", async () => {
  expect(await schedules()).toMatchObject({ code: 0, stdout: "public.jobs\n\n  no schedules\n" });
  const added = await schedules(
    "add",
    "eu",
    "0 6 * * 1-5",
    "--job",
    "report",
    "--zone",
    "Europe/Paris",
    "--payload",
    '{"a":1}',
  );
  expect(added).toMatchObject({ code: 0, stderr: "" });
  expect(added.stdout).toMatch(/^eu: next \d{4}-\d\d-\d\dT0[45]:00:00Z\n$/);
  expect((await schedules("list")).stdout).toMatch(
    /eu +Monday to Friday at 06:00 +Europe\/Paris +20\S+Z +- +- +-\n/,
  );
  expect((await schedules("pause", "eu")).stdout).toBe("eu: paused\n");
  expect((await schedules()).stdout).toMatch(/ paused +- /);
  expect((await schedules("resume", "eu")).stdout).toBe("eu: resumed\n");
  expect((await schedules("run", "eu")).stdout).toMatch(/^eu: job \d+\n$/);
  expect((await schedules("run", "eu")).stdout).toBe("eu: a job of it is active, and none was made\n");
  expect(await database.rows("SELECT job_type, payload, schedule FROM jobs")).toEqual([
    { job_type: "report", payload: { a: 1 }, schedule: "eu" },
  ]);
  expect((await schedules("rm", "eu")).stdout).toBe("eu: deleted\n");
  expect(await schedules("rm", "eu")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("no schedule of that name") as string,
  });
});

test("a schedule that was stopped is listed with its error, and the last job with its state", async () => {
  await database.rows(`INSERT INTO jobs_schedules (name, job_type, cron, next_tick) VALUES ('s', 'a', '@daily', now());
    SELECT * FROM jobs_tick();
    UPDATE jobs_schedules SET next_tick = NULL, last_error = 'no such zone'`);
  expect((await schedules()).stdout).toMatch(/s +@daily +UTC +stopped: no such zone +20\S+Z +\d+ READY +-\n/);
});

test("--json prints the same as a line of JSON for each", async () => {
  await schedules("add", "s", "@daily", "--job", "a");
  const schedule: unknown = JSON.parse((await schedules("--json")).stdout);
  expect(schedule).toMatchObject({
    name: "s",
    cron: "@daily",
    timeZone: "UTC",
    paused: false,
    lastJobStatus: null,
  });
});

test("next shows the ticks of an expression as the database plans them", async () => {
  const { stdout } = await schedules("next", "30 2 * * *", "--zone", "Europe/Berlin", "--count", "3");
  expect(stdout).toMatch(
    /^every day at 02:30\n\n( {2}\d{4}-\d\d-\d\d 0[23]:30:00 {2}Europe\/Berlin {2}\d\S+Z\n){3}$/,
  );
  expect(JSON.parse((await schedules("next", "@yearly", "--json", "--count", "1")).stdout)).toMatch(/Z$/);
});

test.for([
  [["add", "s", "61 * * * *", "--job", "a"], "s.cron: expected a minute as field 1"],
  [["add", "s", "@daily"], "add wants --job"],
  [["add", "s", "@daily", "--job", "a", "--payload", "{"], "--payload: expected JSON"],
  [["add", "s", "@daily", "--job", "a", "--missed", "never"], "s.missed: expected once or all or skip"],
  [
    ["add", "s", "@daily", "--job", "a", "--zone", "Europe/Nowhere"],
    "timeZone: expected what the database takes",
  ],
  [["add", "s"], "add wants NAME and EXPR"],
  [["next"], "next wants EXPR"],
  [["list", "s"], "list wants no argument"],
  [["tick"], "the action is not one of list, add, rm, pause, resume, run, next"],
  [["toString"], "the action is not one of"],
  [["next", "@daily", "--count", "0"], "--count: expected a whole number from 1 to 1000"],
] as const)("%s is wrong usage, and says what is wrong", async ([args, message]) => {
  const { code, stdout, stderr } = await schedules(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(message);
});

test.for([
  ["* * * * *", "every minute"],
  ["*/5 * * * *", "every 5 minutes"],
  ["*/30 * * * * *", "every 30 seconds"],
  ["15 * * * *", "every hour at :15"],
  ["0 */2 * * *", "every 2 hours"],
  ["0 3 * * *", "every day at 03:00"],
  ["30 9,17 * * MON-FRI", "Monday to Friday at 09:30, 17:30"],
  ["0 0 1 * *", "on day 1 of the month at 00:00"],
  ["0 0 L * *", "on the last day of the month at 00:00"],
  ["0 8 * * 7", "on Sunday at 08:00"],
  ["0 0 13 * 5", "0 0 13 * 5"],
  ["7-59/13 1 * 2 *", "7-59/13 1 * 2 *"],
  ["@daily", "@daily"],
] as const)("%s is in words: %s", ([cron, words]) => {
  expect(cronInWords(cron)).toBe(words);
});
