import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { tableDatabase, type TableDatabase } from "../support/table-database.ts";
import { cli, MAIN, run } from "./run-cli.ts";
import { cancelled, cancelledAll, deleted, enqueued, lines, pruned, retried, retriedAll } from "./schemas.ts";
import { hasTerminal, onTerminal } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "pqrun-act-"));
let database: TableDatabase;
let env: Record<string, string>;
beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate();
  env = { PQRUN_DATABASE_URL: database.url };
});
beforeEach(async () => {
  await database.rows("TRUNCATE jobs RESTART IDENTITY");
  await database.rows(
    `INSERT INTO jobs (job_type, status, attempts, dedupe_key, last_error, finished_at) VALUES
     ('a', 'READY', 0, 'k', NULL, NULL), ('a', 'FAILED', 5, 'k', 'no', now()), ('a', 'FAILED', 5, NULL, 'no', now()),
     ('a', 'DONE', 1, NULL, NULL, now() - interval '40 days'), ('a', 'FAILED', 5, NULL, 'no', now() - interval '40 days')`,
  );
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database[Symbol.asyncDispose]();
});

const statusOf = async (id: number): Promise<unknown> =>
  (await database.rows("SELECT status::text FROM jobs WHERE id = $1", [id]))[0]?.["status"];

test("retry makes a failed job READY, and says why another is not", async () => {
  expect(await cli(["retry", "3"], env)).toEqual({ code: 0, stdout: "3 retried\n", stderr: "" });
  expect(await statusOf(3)).toBe("READY");
  const { code, stdout, stderr } = await cli(["retry", "1", "2", "5", "--json"], env);
  expect(code).toBe(1);
  expect(lines(stdout, retried).map((one) => [one.id, one.retried])).toEqual([
    ["1", false],
    ["2", false],
    ["5", true],
  ]);
  expect(stderr).toBe("job 1 is READY\njob 2 is FAILED: job 1 has its dedupe key and is active\n");
});

test("cancel ends what waits, and ends in 1 for what has ended, in 4 for what isn't there", async () => {
  expect(await cli(["cancel", "1"], env)).toEqual({ code: 0, stdout: "1 cancelled\n", stderr: "" });
  expect(await statusOf(1)).toBe("CANCELLED");
  expect(await cli(["cancel", "4"], env)).toEqual({ code: 1, stdout: "", stderr: "job 4 is DONE\n" });
  const { code, stdout } = await cli(["cancel", "4", "99", "--json"], env);
  expect(code).toBe(4);
  expect(lines(stdout, cancelled).map(({ status }) => status)).toEqual(["DONE", null]);
});

test("rm deletes what has ended, after it asked, and leaves what waits, runs or is held by a foreign key", async () => {
  const count = async (): Promise<unknown> =>
    (await database.rows("SELECT count(*)::int AS n FROM jobs"))[0]?.["n"];
  const asked = await cli(["rm", "3"], env);
  expect([asked.code, asked.stdout]).toEqual([2, ""]);
  expect(asked.stderr).toContain("Delete 1 job of public.jobs? There is no terminal to ask on: add --yes");
  expect((await cli(["rm", "3", "1", "--dry-run"], env)).stdout).toBe("3 would be deleted\n");
  expect(await count()).toBe(5);
  await database.rows(
    "CREATE TABLE invoices (job_id bigint REFERENCES jobs); INSERT INTO invoices VALUES (4)",
  );
  try {
    const { code, stdout, stderr } = await cli(["rm", "1", "3", "4", "--yes", "--json"], env);
    expect(code).toBe(1);
    expect(lines(stdout, deleted).map((one) => [one.id, one.deleted])).toEqual([
      ["1", false],
      ["3", true],
      ["4", false],
    ]);
    expect(stderr).toBe("job 1 is READY\njob 4 is DONE: a foreign key holds it\n");
  } finally {
    await database.rows("DROP TABLE invoices");
  }
  expect((await cli(["rm", "99", "--yes"], env)).code).toBe(4);
  expect(await count()).toBe(4);
});

test("retry --all-failed takes all of a type and says what it left out", async () => {
  expect(await cli(["retry", "--all-failed", "--type", "a", "--dry-run"], env)).toEqual({
    ...{ code: 0, stdout: "3 FAILED jobs of a would be retried\n", stderr: "" },
  });
  expect((await cli(["retry", "--all-failed"], env)).code).toBe(2);
  const { code, stdout, stderr } = await cli(
    ["retry", "--all-failed", "--type", "a", "--yes", "--json"],
    env,
  );
  expect(code).toBe(0);
  expect(retriedAll.parse(JSON.parse(stdout))).toMatchObject({ matched: 3, complete: true, retried: 2 });
  expect(stderr).toBe("job 2 is left out: job 1 has its key\n");
  expect([await statusOf(2), await statusOf(3), await statusOf(5)]).toEqual(["FAILED", "READY", "READY"]);
  expect((await cli(["retry", "--all-failed", "--type", "none"], env)).stdout).toBe("0 retried\n");
});

test("cancel --all-ready takes what waits, and nothing else", async () => {
  await database.rows("INSERT INTO jobs (job_type) SELECT 'b' FROM generate_series(1, 2500)");
  await database.rows("INSERT INTO jobs (job_type, status) VALUES ('b', 'RUNNING')");
  const { stdout } = await cli(
    ["cancel", "--all-ready", "--type", "b", "--since", "1h", "--yes", "--json"],
    env,
  );
  expect(cancelledAll.parse(JSON.parse(stdout))).toMatchObject({ cancelled: 2500, leftOut: [] });
  const rows = await database.rows(
    "SELECT status::text, count(*)::int AS n FROM jobs WHERE job_type = 'b' GROUP BY 1 ORDER BY 1",
  );
  expect(rows).toEqual(
    expect.arrayContaining([
      { status: "RUNNING", n: 1 },
      { status: "CANCELLED", n: 2500 },
    ]),
  );
  expect(await statusOf(1)).toBe("READY");
});

test.each([
  [["retry", "--type", "a"], "--type and --since want --all-failed"],
  [["cancel", "1", "--type", "a"], "--type and --since want --all-ready"],
  [["retry", "1", "--all-failed"], "either ids or --all-failed"],
  [["cancel"], "which job?"],
])("ids and filters are not mixed: %j", async (args, complaint) => {
  const { code, stderr } = await cli(args, env);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(complaint) as string });
});

test("a dry run of retry and cancel says what they would do, and changes nothing", async () => {
  expect((await cli(["retry", "3", "--dry-run"], env)).stdout).toBe("3 would be retried\n");
  expect(await cli(["cancel", "1", "4", "--dry-run"], env)).toEqual({
    ...{ code: 1, stdout: "1 would be cancelled\n", stderr: "job 4 is DONE\n" },
  });
  expect([await statusOf(1), await statusOf(3)]).toEqual(["READY", "FAILED"]);
});

test("prune deletes what ended long ago, says how much, and refuses without --yes where nobody can be asked", async () => {
  const dry = await cli(["prune", "--older-than", "30d", "--dry-run"], env);
  expect(dry).toEqual({ code: 0, stdout: "2 jobs would be deleted\n", stderr: "" });
  const refused = await cli(["prune", "--older-than", "30d"], env);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain(
    "Delete 2 DONE, FAILED, CANCELLED jobs of public.jobs that ended more than 30d ago?",
  );
  expect(refused.stderr).toContain("add --yes");
  const done = await cli(["prune", "--older-than", "30d", "--status", "done", "--yes", "--json"], env);
  expect(done.code).toBe(0);
  expect(pruned.parse(JSON.parse(done.stdout))).toEqual({ matched: 1, deleted: 1, dryRun: false });
  expect(await cli(["prune", "--older-than", "30d", "--yes"], env)).toMatchObject({
    stdout: "1 job deleted\n",
  });
  expect((await cli(["prune", "--older-than", "30d"], env)).stdout).toBe("0 jobs deleted\n");
});

test("prune deletes of some types alone", async () => {
  await database.rows("UPDATE jobs SET job_type = 'b' WHERE id = 5");
  const args = ["prune", "--older-than", "30d", "--type", "b,c"];
  expect((await cli(args, env)).stderr).toContain(
    "Delete 1 DONE, FAILED, CANCELLED job of type b, c of public.jobs that ended more than 30d ago?",
  );
  expect(await cli([...args, "--yes"], env)).toMatchObject({ code: 0, stdout: "1 job deleted\n" });
  expect(await database.rows("SELECT id::int FROM jobs ORDER BY id")).toEqual(
    [1, 2, 3, 4].map((id) => ({ id })),
  );
});

test("prune leaves what a foreign key holds, and says so", async () => {
  await database.rows("CREATE TABLE held (job_id bigint REFERENCES jobs (id))");
  await database.rows("INSERT INTO held VALUES (4)");
  const { code, stdout, stderr } = await cli(["prune", "--older-than", "30d", "--yes"], env);
  await database.rows("DROP TABLE held");
  expect({ code, stdout }).toEqual({ code: 0, stdout: "1 job deleted\n" });
  expect(stderr).toMatch(/^1 job left: held by a foreign key/);
});

test("enqueue takes its payload as an argument, from a file or from stdin, and prints the id", async () => {
  const file = join(folder, "payload.json");
  writeFileSync(file, '{"from":"file"}');
  const first = await cli(["enqueue", "mail", '{"url":"https://u:p@example.com"}', "--priority=-5"], env);
  expect(first).toEqual({ code: 0, stdout: "6\n", stderr: "" });
  expect(
    await cli(["enqueue", "mail", `@${file}`, "--run-after", "1h", "--max-attempts", "2"], env),
  ).toMatchObject({
    stdout: "7\n",
  });
  const child = spawn(process.execPath, [MAIN, "enqueue", "mail", "-"], { env: { ...process.env, ...env } });
  child.stdin.end('{"from":"stdin"}');
  await new Promise((resolve) => child.on("close", resolve));
  const rows = await database.rows(
    "SELECT payload, priority, max_attempts AS most, run_after > now() + interval '59 min' AS later FROM jobs WHERE id > 5 ORDER BY id",
  );
  expect(rows).toEqual([
    { payload: { url: "https://u:p@example.com" }, priority: -5, most: 5, later: false },
    { payload: { from: "file" }, priority: 0, most: 2, later: true },
    { payload: { from: "stdin" }, priority: 0, most: 5, later: false },
  ]);
});

test("enqueue with the key of an active job gives its id, and says that no other was made", async () => {
  const { code, stdout, stderr } = await cli(["enqueue", "a", "--key", "k", "--json"], env);
  expect(code).toBe(0);
  expect(enqueued.parse(JSON.parse(stdout))).toEqual({ id: "1", created: false });
  expect(stderr).toContain("no other was made");
});

test("enqueue refuses what is no JSON object, rounds nothing, and repeats no payload", async () => {
  for (const payload of [
    "hunter2",
    "[]",
    "1",
    '"hunter2"',
    "@/nowhere/hunter2",
    '{"n":12345678901234567890}',
    "",
  ]) {
    const { code, stdout, stderr } = await cli(["enqueue", "a", payload], env);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).not.toContain("hunter2");
  }
  expect((await cli(["enqueue"], env)).code).toBe(2);
  expect((await cli(["enqueue", "a", "--priority", "-5"], env)).stderr).toContain("as --priority=-…");
});

test("as processes, they end with their exit codes and ask nobody", async () => {
  const pqrun = (...args: readonly string[]) =>
    run(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
  expect(await pqrun("retry", "99")).toEqual({ code: 4, stdout: "", stderr: "no job 99\n" });
  expect(await pqrun("prune", "--older-than", "30d")).toMatchObject({ code: 2, stdout: "" });
});

test.skipIf(!hasTerminal)("on a terminal prune asks, and only a yes deletes", async () => {
  const asked = (answer: string) =>
    onTerminal(["prune", "--older-than", "30d"], env, { width: 200, answers: [[/\[y\/N\] $/, answer]] });
  const no = await asked("n\n");
  expect(no.code).toBe(1);
  expect(no.stdout).toContain("nothing was done");
  const interrupted = await asked("\u0003");
  expect(interrupted.code).toBe(130);
  const yes = await asked("y\n");
  expect(yes.code).toBe(0);
  expect(yes.stdout).toMatch(/Delete 2 .*\n2 jobs deleted\n$/);
});
