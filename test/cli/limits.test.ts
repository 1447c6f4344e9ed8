import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { tableDatabase, type TableDatabase } from "../support/table-database.ts";
import { cli, type CliRun } from "./run-cli.ts";

let database: TableDatabase;
beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(() => database.rows("TRUNCATE jobs, jobs_limits"));

const limits = (...args: readonly string[]): Promise<CliRun> =>
  cli(["limits", ...args], { DATABASE_URL: database.url });

test("a type is limited, paused, listed and resumed", async () => {
  expect(await limits()).toMatchObject({ code: 0, stdout: "public.jobs\n\n  no limits\n" });
  expect((await limits("set", "crawl", "--total", "5", "--per-key", "2", "--rate", "100/60")).stdout).toBe(
    "crawl: set\n",
  );
  expect((await limits("pause", "crawl")).stdout).toBe("crawl: paused\n");
  expect((await limits("list")).stdout).toMatch(/crawl +paused +5 +2 +100 in 60 s +0 +0/);
  expect((await limits("set", "crawl", "--rate", "none")).code).toBe(0);
  expect((await limits("resume", "crawl")).stdout).toBe("crawl: resumed\n");
  expect((await limits()).stdout).toMatch(/crawl +- +5 +2 +- +0 +0/);
  expect(JSON.parse((await limits("--json")).stdout)).toEqual({
    ...{ type: "crawl", paused: false, total: 5, perKey: 2, rate: null, running: 0, putAside: 0 },
  });
});

const WRONG: readonly (readonly [args: readonly string[], says: string])[] = [
  [["stop"], "the action is not one of list, pause, resume, set"],
  [["pause"], "pause wants TYPE"],
  [["resume", "crawl"], "the type is not paused"],
  [["set", "crawl"], "set wants --total, --per-key or --rate"],
  [["set", "crawl", "--rate", "5"], "--rate: expected N/S"],
  [["set", "crawl", "--per-key", "0"], "--per-key"],
];

test("wrong usage is exit code 2, and says what is wrong", async () => {
  for (const [args, says] of WRONG)
    expect(await limits(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(says) as string });
});
