import { beforeAll, afterAll, expect, test } from "vitest";

import { statsText } from "../../src/cli/commands/stats.ts";
import { tableDatabase, type TableDatabase } from "../support/table-database.ts";
import { cli } from "./run-cli.ts";

let database: TableDatabase;
beforeAll(async () => {
  database = await tableDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

const withUrl = (change: (url: URL) => void): Record<string, string> => {
  const url = new URL(database.url);
  change(url);
  return { PQRUN_DATABASE_URL: url.href };
};
const SECRET = "s3cr%65t-pass";

test("migrate makes the table and says so; again it changes nothing", async () => {
  const env = { DATABASE_URL: database.url };
  const first = await cli(["migrate", "--table", "made"], env);
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(first.stdout).toMatch(/^public\.made: created; indexes built: .*made_ready/);
  const again = await cli(["migrate", "--table", "made"], env);
  expect(again).toEqual({ code: 0, stdout: "public.made: unchanged\n", stderr: "" });
});

test("migrate refuses a table of the application's own, and ends in 1", async () => {
  await database.rows("CREATE TABLE mine (id int)");
  const { code, stdout, stderr } = await cli(["migrate", "--table", "mine"], { DATABASE_URL: database.url });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^pqrun: .*mine is not a job queue/);
});

test("stats counts by type and state, as text and as JSON", async () => {
  const env = { DATABASE_URL: database.url };
  await cli(["migrate", "--table", "counted"], env);
  await database.rows(
    `INSERT INTO counted (job_type, status, run_after) VALUES
     ('embed', 'READY', now() - interval '90 s'), ('embed', 'DONE', now()), (E'bad\\e[2J\\n', 'FAILED', now())`,
  );
  const { code, stdout, stderr } = await cli(["stats", "--table", "counted"], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/ +READY +RUNNING +DONE +FAILED +CANCELLED\n/);
  expect(stdout).toMatch(/\n {2}embed +1 +0 +1 +0 +0\n/);
  expect(stdout).toMatch(/\n {2}all +1 +0 +1 +1 +0\n/);
  expect(stdout).toMatch(/due now +1, the oldest for \d+ s/);
  expect(stdout).not.toContain("\u001b");
  const json = JSON.parse((await cli(["stats", "--table", "counted", "--json"], env)).stdout) as unknown;
  expect(json).toMatchObject({
    counts: { READY: 1, RUNNING: 0, DONE: 1, FAILED: 1, CANCELLED: 0 },
    types: { embed: { READY: 1, DONE: 1 } },
    about: [],
    due: 1,
  });
});

test("stats says of an estimate that it is about so many, and of no other figure", () => {
  const text = statsText({
    counts: { READY: 6_012, RUNNING: 1, DONE: 987_654, FAILED: 7, CANCELLED: 0 },
    types: { embed: { READY: 6_012, RUNNING: 1, DONE: 987_654, FAILED: 7 } },
    about: ["READY", "DONE"],
    due: 5_499,
    oldestDueSeconds: 60,
    leasesEnded: 1,
    tableAge: 5,
  });
  expect(text).toMatch(/\n {2}embed +about 6,010 +1 +about 988,000 +7 +0\n/);
  expect(text).toMatch(/\n {2}all +about 6,010 +1 +about 988,000 +7 +0\n/);
  expect(text).toMatch(/due now +about 5,500, the oldest for 60 s/);
  expect(text).toMatch(/leases ended +1, reaped/);
});

test("stats of a table that isn't there says what to do, and ends in 1", async () => {
  const { code, stdout, stderr } = await cli(["stats", "--table", "absent"], { DATABASE_URL: database.url });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain("run `pqrun migrate --table absent`");
});

test("columns stay aligned however long a type is", () => {
  const counts = { READY: 0, RUNNING: 0, DONE: 0, FAILED: 0, CANCELLED: 0 };
  const types = { a: { DONE: 123_456 }, ["long".repeat(10)]: { READY: 1 } };
  const text = statsText({
    ...{ counts, types, about: [] },
    ...{ due: 0, oldestDueSeconds: null, leasesEnded: 0, tableAge: 0 },
  });
  const [head, ...rows] = text.split("\n").slice(0, 4);
  expect(rows.map((row) => row.length)).toEqual([head?.length, head?.length, head?.length]);
});

test("a wrong password ends in 1 and shows neither password", async () => {
  const env = withUrl((url) => {
    url.username = "nobody_of_that_name";
    url.password = SECRET;
  });
  const { code, stdout, stderr } = await cli(["stats"], env);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^pqrun: .*nobody_of_that_name/);
  for (const shown of [SECRET, decodeURIComponent(SECRET)]) expect(stderr).not.toContain(shown);
});

test.each(["127.0.0.1:1", "localhost:1", "nowhere.invalid"])(
  "a host that doesn't answer ends in 1, is named, and no password is shown: %s",
  async (host) => {
    const env = withUrl((url) => {
      url.port = "";
      url.host = host;
      url.password = SECRET;
    });
    const { code, stdout, stderr } = await cli(["migrate"], env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/ECONNREFUSED|ENOTFOUND|EAI_AGAIN/);
    expect(stderr).not.toContain(SECRET);
    expect(stderr).not.toContain(decodeURIComponent(SECRET));
  },
);
