// npm run test:postgres [majors…]: the tests of core and adapters on PostgreSQL 12 to 18.
// npm run test:plans: the plan of each statement with up to a million rows, on 13 and 18.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { startEmbeddedPostgres } from "../test/support/postgres-embedded.ts";
import { POSTGRES_MAJORS, binariesOf } from "../test/support/postgres-releases.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const folder = `${root}.pg/`;

/** What was run on one major; `problem` says why it could not be. */
interface Outcome {
  readonly major: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  readonly problem?: string;
}

const given = process.argv.slice(2);
const plans = given.includes("--plans");
const named = given.filter((word) => word !== "--plans");
const majors = named.length > 0 ? named : POSTGRES_MAJORS;
const unknown = majors.filter((major) => !POSTGRES_MAJORS.includes(major));
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(", ")}; there are ${POSTGRES_MAJORS.join(", ")}`);
  process.exit(2);
}

const outcomes: Outcome[] = [];
for (const major of majors) {
  console.log(`\nPostgreSQL ${major}`);
  outcomes.push(await outcomeOn(major));
}
report(outcomes);

async function outcomeOn(major: string): Promise<Outcome> {
  const start = Date.now();
  const none = { passed: 0, failed: 0, skipped: 0 };
  try {
    const counts = await testsOn(major);
    const problem = counts.passed + counts.failed === 0 ? { problem: "no test ran" } : {};
    return { major, ...counts, ...problem, seconds: elapsed(start) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    console.error(problem);
    return { major, ...none, problem: problem.split("\n", 1)[0] ?? problem, seconds: elapsed(start) };
  }
}

async function testsOn(major: string): Promise<Pick<Outcome, "passed" | "failed" | "skipped">> {
  const server = await startEmbeddedPostgres(await binariesOf(major));
  try {
    return await runTests(major, server.url);
  } finally {
    await server.stop();
  }
}

async function runTests(major: string, url: string): Promise<Pick<Outcome, "passed" | "failed" | "skipped">> {
  const results = `${folder}results-${major}.json`;
  rmSync(results, { force: true });
  // PGlite brings a PostgreSQL of its own; once, in npm test, is enough.
  const args = [
    "run",
    ...(plans ? ["test/core/every-plan"] : ["test/adapters", "test/core"]),
    "--exclude",
    "**/pglite*",
    "--reporter=default",
    "--reporter=json",
  ];
  // Not spawnSync: the server waits when nobody reads its log, and each refused statement is a line there.
  const vitest = spawn("vitest", [...args, `--outputFile.json=${results}`], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: url, ...(plans && { PLAN_ROWS: "0,20000,1000000" }) },
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  const [status] = (await once(vitest, "close")) as [number | null];
  if (!existsSync(results)) throw new Error(`vitest ended with ${String(status)} and no results`);
  const counts = JSON.parse(readFileSync(results, "utf8")) as Record<
    "numPassedTests" | "numFailedTests" | "numPendingTests" | "numTodoTests",
    number
  >;
  // A file that does not load, or an error outside any test, fails no test: it counts as one.
  const failed = counts.numFailedTests === 0 && status !== 0 ? 1 : counts.numFailedTests;
  return { passed: counts.numPassedTests, failed, skipped: counts.numPendingTests + counts.numTodoTests };
}

function report(all: readonly Outcome[]): void {
  console.log("\nPostgreSQL  passed  failed  skipped  seconds");
  for (const { major, passed, failed, skipped, seconds, problem } of all) {
    const cells = [major.padStart(10), ...[passed, failed, skipped].map(String), seconds.toFixed(0)];
    console.log(
      cells.map((cell, column) => cell.padStart([10, 6, 6, 7, 7][column] ?? 0)).join("  ") +
        (problem ? `  ${problem}` : ""),
    );
  }
  const sum = (count: (outcome: Outcome) => number): number =>
    all.reduce((total, one) => total + count(one), 0);
  const failed = sum((one) => (one.problem ? Math.max(1, one.failed) : one.failed));
  const totals = {
    numPassedTests: sum((one) => one.passed),
    numFailedTests: failed,
    numPendingTests: sum((one) => one.skipped),
    numTodoTests: 0,
  };
  mkdirSync(folder, { recursive: true });
  // Vitest's own names, so that one reader counts both.
  writeFileSync(`${folder}results.json`, JSON.stringify(totals));
  if (failed > 0) process.exitCode = 1;
}

function elapsed(start: number): number {
  return (Date.now() - start) / 1000;
}
