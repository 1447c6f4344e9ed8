import { afterAll, beforeAll, expect, test } from "vitest";

import { tableDatabase, type TableDatabase } from "../support/table-database.ts";
import { cli, MAIN, run } from "./run-cli.ts";
import { job, jobWithAll, lines, migrated, schedule, stats } from "./schemas.ts";
import { hasTerminal, onTerminal } from "./terminal.ts";

/** What would clear a screen, set a title, or turn the order of letters. */
const HOSTILE = "\u001b[2J\u009b31m\u001b]0;t\u0007\u202e";
const CONTROLS = /[^\P{Cc}\n]|\p{Bidi_Control}/u;
const BIG = "12345678901234567890";

let database: TableDatabase;
let env: Record<string, string>;
beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate();
  env = { PQRUN_DATABASE_URL: database.url };
  await database.rows(
    `INSERT INTO jobs (job_type, payload, status, attempts, dedupe_key, last_error, result, run_after, finished_at) VALUES
     ('embed', '{"n": ${BIG}}', 'READY', 0, 'embed:1', NULL, NULL, now() - interval '5 min', NULL),
     ('embed', '{"n": 2}', 'DONE', 1, NULL, NULL, '{"sum": ${BIG}}', now(), now()),
     ('mail', '{"to": "a@b.c"}', 'FAILED', 5, NULL, E'Error: refused\\n    at send (mail.ts:3)', NULL, now(), now()),
     ($1, jsonb_build_object('x', $2::text), 'FAILED', 5, $3, $4, NULL, now(), now())`,
    [`bad${HOSTILE}`, HOSTILE, `key${HOSTILE}`, `Error: ${HOSTILE}\n${HOSTILE}`],
  );
  const entry = {
    at: "2026-11-29T10:00:00.000Z",
    worker: "w-1",
    kind: "failed",
    error: `Error: ${HOSTILE}\n  at x`,
  };
  await database.rows("UPDATE jobs SET errors = $1 WHERE status = 'FAILED'", [
    JSON.stringify([
      { ...entry, attempt: 1, durationMs: 12 },
      { ...entry, attempt: 2, durationMs: null, kind: "lost", error: "the lease ended" },
    ]),
  ]);
});
afterAll(() => database[Symbol.asyncDispose]());

test("ls shows the newest first, a line each, and no payload", async () => {
  const { code, stdout, stderr } = await cli(["ls"], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const rows = stdout.trimEnd().split("\n");
  expect(rows[0]).toMatch(/^ {2}id +type +status +tries +when +key +error$/);
  expect(rows.slice(1).map((row) => row.trim().split(" ")[0])).toEqual(["4", "3", "2", "1"]);
  expect(rows[4]).toMatch(/^ {2}1 +embed +READY +0\/5 +due for 5 min +embed:1$/);
  expect(rows[2]).toMatch(/ FAILED +5\/5 +\d+ s ago +Error: refused$/);
  expect(stdout).not.toContain("a@b.c");
  expect((await cli(["ls", "--payload"], env)).stdout).toContain(`{"n": ${BIG}}`);
});

test("ls filters by state, type, key and time", async () => {
  const ids = async (...args: readonly string[]): Promise<string> =>
    (await cli(["ls", "--ids", ...args], env)).stdout.trim().replaceAll("\n", " ");
  expect(await ids("--status", "failed,DONE")).toBe("4 3 2");
  expect(await ids("--type", "mail", "--type", "embed")).toBe("3 2 1");
  expect(await ids("--key", "embed:1")).toBe("1");
  expect(await ids("--since", "1h", "--status", "ready")).toBe("1");
  expect(await ids("--since", "2999-01-01")).toBe("");
});

test("ls says how to go on where there is more, and that there is none", async () => {
  const page = await cli(["ls", "--ids", "--limit", "2"], env);
  expect(page).toEqual({ code: 0, stdout: "4\n3\n", stderr: "there may be more: --before 3\n" });
  const rest = await cli(["ls", "--ids", "--before", "3"], env);
  expect(rest).toEqual({ code: 0, stdout: "2\n1\n", stderr: "" });
  expect(await cli(["ls", "--type", "nothing"], env)).toEqual({
    code: 0,
    stdout: "",
    stderr: "no such jobs\n",
  });
});

test("ls --json is a job a line, with payloads only when asked, and all their digits", async () => {
  expect(lines((await cli(["ls", "--json"], env)).stdout, job)).toHaveLength(4);
  const { stdout } = await cli(["ls", "--json", "--payload", "--type", "embed"], env);
  expect(
    lines(stdout, job.extend({ payload: jobWithAll.shape.payload, headers: jobWithAll.shape.headers })),
  ).toHaveLength(2);
  expect(stdout).toContain(`"payload":{"n": ${BIG}},"headers":{}}`);
});

test("show has everything of one job, and its error with its lines", async () => {
  const { code, stdout, stderr } = await cli(["show", "3"], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/ {2}attempts +5 of 5\n/);
  expect(stdout).toMatch(/ {2}payload +15 bytes; --payload shows them\n/);
  expect(stdout).toMatch(
    /\n\n {2}attempt 2 +lost +2026-11-29T10.+ w-1 +the lease ended\n {2}attempt 1 +failed .+12 ms +w-1 +Error: /,
  );
  expect(stdout).toMatch(/\n\n {2}Error: refused\n {6}at send \(mail.ts:3\)\n$/);
});

test("show prints payload and result when asked, as the database has them", async () => {
  expect((await cli(["show", "1", "--payload"], env)).stdout).toContain(`{"n": ${BIG}}`);
  const { stdout } = await cli(["show", "2", "--json", "--payload", "--result"], env);
  jobWithAll.parse(JSON.parse(stdout));
  expect(stdout).toContain(`"result": {"sum": ${BIG}}\n}`);
  job.parse(JSON.parse((await cli(["show", "2", "--json"], env)).stdout));
});

test("show of a job that isn't there ends in 4, of what is no id in 2", async () => {
  expect(await cli(["show", "99"], env)).toEqual({ code: 4, stdout: "", stderr: "no job 99\n" });
  expect((await cli(["show", "99", "--json"], env)).stdout).toBe("");
  for (const args of [[], ["x"], ["0"], ["1", "2"], ["99999999999999999999"]]) {
    expect((await cli(["show", ...args], env)).code).toBe(2);
  }
});

test("nothing of a hostile type, key, error or payload moves the terminal", async () => {
  for (const args of [["ls"], ["ls", "--payload"], ["ls", "--json", "--payload"], ["show", "4"]]) {
    const { code, stdout, stderr } = await cli(args, env);
    expect(code).toBe(0);
    expect(stdout + stderr).not.toMatch(CONTROLS);
  }
  const { stdout } = await cli(["show", "4", "--json", "--payload"], env);
  expect(stdout).not.toMatch(CONTROLS);
  expect(JSON.parse(stdout)).toMatchObject({ type: `bad${HOSTILE}`, payload: { x: HOSTILE } });
});

test("migrate, stats and schedules print JSON, too", async () => {
  migrated.parse(JSON.parse((await cli(["migrate", "--json"], env)).stdout));
  stats.parse(JSON.parse((await cli(["stats", "--json"], env)).stdout));
  await database.rows(
    "INSERT INTO jobs_schedules (name, job_type, cron) VALUES ('a', 'embed', '@daily'), ('b', 'embed', '@hourly')",
  );
  expect(lines((await cli(["schedules", "--json"], env)).stdout, schedule)).toHaveLength(2);
});

test("wrong filters end in 2, with a suggestion where there is one", async () => {
  for (const [args, complaint] of [
    [["--status", "faild"], "did you mean FAILED?"],
    [["--since", "yesterday"], "--since: expected a span"],
    [["--limit", "0"], "--limit: expected a whole number from 1 to 1000"],
    [["--before", "x"], "no job's id"],
  ] as const) {
    const { code, stderr } = await cli(["ls", ...args], env);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(complaint) as string });
  }
});

test("as a process, ls puts data on stdout and words on stderr", async () => {
  const { code, stdout, stderr } = await run(process.execPath, [MAIN, "ls", "--ids", "--limit", "1"], {
    env: { ...process.env, ...env },
  });
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: "4\n",
    stderr: "there may be more: --before 4\n",
  });
});

test.skipIf(!hasTerminal)("on a terminal no line of ls is longer than the terminal is wide", async () => {
  const { code, stdout } = await onTerminal(["ls"], env, { width: 40 });
  expect(code).toBe(0);
  const rows = stdout.split("\n");
  expect(rows[0]).toMatch(/^ {2}id +type +status/);
  expect(rows.filter((row) => row.length > 40)).toEqual([]);
  expect(rows.some((row) => row.endsWith("…"))).toBe(true);
});
