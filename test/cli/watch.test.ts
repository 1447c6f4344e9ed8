import { afterAll, beforeAll, expect, test } from "vitest";

import { metricsText } from "../../src/core/metrics-text.ts";
import { tableDatabase, type TableDatabase } from "../support/table-database.ts";
import { cli } from "./run-cli.ts";
import { lines, look, overview } from "./schemas.ts";
import { hasTerminal, onTerminal } from "./terminal.ts";

let database: TableDatabase;
let env: Record<string, string>;
beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate();
  env = { PQRUN_DATABASE_URL: database.url };
  await database.rows(
    `INSERT INTO jobs (job_type, status, run_after, locked_by, lease_holder, lease_expires_at, locked_at) VALUES
     ('embed', 'READY', now() - interval '5 min', NULL, NULL, NULL, NULL),
     (E'a"b\\\\c\\n\\x1b[2J', 'RUNNING', now(), 'w:1', 'w:1', now() + interval '1 min', now())`,
  );
});
afterAll(() => database[Symbol.asyncDispose]());

test("metrics prints gauges in Prometheus' text format, whatever a type is called", async () => {
  const { code, stdout, stderr } = await cli(["metrics"], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("# TYPE pqrun_jobs gauge\n");
  expect(stdout).toContain('pqrun_jobs{type="embed",status="READY"} 1\n');
  expect(stdout).toMatch(/pqrun_oldest_due_seconds\{type="embed"\} 3\d\d/);
  expect(stdout).toContain('{type="a\\"b\\\\c\\n\uFFFD[2J",status="RUNNING"} 1\n');
  const line =
    /^(?:# (?:HELP|TYPE) pqrun_\w+ .+|pqrun_\w+(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)+\})? \d+(?:\.\d+)?)$/;
  for (const one of stdout.trimEnd().split("\n")) expect(one).toMatch(line);
  overview.parse(JSON.parse((await cli(["metrics", "--json"], env)).stdout));
});

test("metricsText puts its labels on each sample", () => {
  const empty = { ready: 0, due: 0, oldestDueSeconds: null, running: 0, leasesEnded: 3, failed: 0 };
  const text = metricsText({ ...empty, types: [], atLeast: ["FAILED"], at: new Date(0) }, { queue: "mail" });
  expect(text).toContain('pqrun_leases_ended{queue="mail"} 3\n');
  expect(text).toContain('pqrun_jobs_at_least{queue="mail",status="FAILED"} 1\n');
});

test("top --json prints a line a look", async () => {
  const { code, stdout } = await cli(["top", "--json", "--count", "2", "--every", "1s"], env);
  expect(code).toBe(0);
  expect(lines(stdout, look).map(({ ready, running, workers }) => [ready, running, workers.length])).toEqual([
    [1, 1, 1],
    [1, 1, 1],
  ]);
});

test("top prints a look off a terminal, without moving a cursor, and ends in 0 when it is interrupted", async () => {
  const { code, stdout } = await cli(["top", "--count", "1"], env);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^public\.jobs {2}20\S+Z\n\n {2}ready +1, due 1, the oldest for 5 min\n/);
  expect(stdout).toMatch(/\n {2}embed +1 +1 +0 +0 +5 min\n/);
  expect(stdout).not.toContain("\u001b");
  const interrupted = await cli(["top"], env, AbortSignal.abort());
  expect(interrupted.code).toBe(0);
});

test.skipIf(!hasTerminal)("on a terminal top repaints, and Ctrl-C ends it", async () => {
  const { code, stdout } = await onTerminal(["top", "--every", "1s"], env, {
    answers: [[/last minute[^]*last minute/, "\u0003"]],
  });
  expect(code).toBe(0);
  expect(stdout.split("\u001b[H").length).toBeGreaterThan(2);
  const controls = stdout.split("\u001b").slice(1);
  expect(controls.filter((after) => !/^\[[HKJ]/.test(after))).toEqual([]);
});
