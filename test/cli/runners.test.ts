import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { tableDatabase, type TableDatabase } from "../support/table-database.ts";
import { cli, MAIN, run } from "./run-cli.ts";
import { drained, jobEvent, lines } from "./schemas.ts";

const folder = mkdtempSync(join(tmpdir(), "pqrun-handlers-"));
const fileOf = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const handlers = fileOf(
  "handlers.ts",
  `type Sum = { readonly a: number; readonly b: number };
   export const handlers = {
     sum: ({ payload }: { payload: Sum }) => ({ sum: payload.a + payload.b }),
     bad: () => { throw new Error("refused \\u001b[2J"); },
   };`,
);

let database: TableDatabase;
let env: Record<string, string>;
beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate();
  env = { PQRUN_DATABASE_URL: database.url };
});
beforeEach(() => database.rows("TRUNCATE jobs RESTART IDENTITY"));
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database[Symbol.asyncDispose]();
});

const enqueue = (type: string, payload: object, maxAttempts = 5) =>
  database.rows("INSERT INTO jobs (job_type, payload, max_attempts) VALUES ($1, $2, $3)", [
    type,
    payload,
    maxAttempts,
  ]);

test("drain runs what is due with a TypeScript file's handlers, and reports", async () => {
  await enqueue("sum", { a: 1, b: 2 });
  await enqueue("bad", {}, 1);
  const { code, stdout, stderr } = await cli(["drain", handlers, "--budget", "60s", "--json"], env);
  expect(code).toBe(0);
  expect(drained.parse(JSON.parse(stdout))).toMatchObject({
    done: 1,
    failed: 1,
    stoppedBy: "empty",
    error: null,
  });
  expect(stderr).toMatch(/^pqrun: .*refused/m);
  expect(stderr).not.toContain("\u001b");
  const rows = await database.rows("SELECT status::text, result FROM jobs ORDER BY id");
  expect(rows).toEqual([
    { status: "DONE", result: { sum: 3 } },
    { status: "FAILED", result: null },
  ]);
  expect((await cli(["drain", handlers], env)).stdout).toMatch(
    /^0 done, 0 retried, 0 failed, 0 s, ended by empty\n$/,
  );
});

test.each([
  ["default.mjs", "export default { sum: () => 1 };"],
  ["whole.mjs", "export default { handlers: { sum: () => 1 }, jobs: { sum: {} } };"],
  ["common.cjs", "module.exports = { handlers: { sum: () => 1 } };"],
])("handlers may be exported as in %s", async (name, text) => {
  await enqueue("sum", {});
  const { stdout } = await cli(["drain", fileOf(name, text)], env);
  expect(stdout).toMatch(/^1 done/);
});

test("a file that isn't there, or exports no handlers, ends in 2; one that throws in 1", async () => {
  expect(await cli(["drain", join(folder, "nowhere.mjs")], env)).toMatchObject({ code: 2, stdout: "" });
  const empty = await cli(["drain", fileOf("empty.mjs", "export const x = 1;")], env);
  expect(empty).toMatchObject({ code: 2, stderr: expect.stringContaining("exports no handlers") as string });
  const broken = await cli(["work", fileOf("broken.mjs", "throw new Error('not configured');")], env);
  expect(broken).toMatchObject({ code: 1, stderr: "pqrun: not configured\n" });
  expect((await cli(["work"], env)).code).toBe(2);
  expect((await cli(["drain", handlers, "--budget", "5"], env)).stderr).toContain(
    "--budget: expected a span",
  );
});

test("a TypeScript file that this Node can't run says from which Node on it can", async () => {
  // As Node before 22.18 refuses it.
  const hook = `import { registerHooks } from "node:module";
    registerHooks({ load(url, context, next) {
      if (!url.endsWith("/handlers.ts")) return next(url, context);
      throw Object.assign(new TypeError('Unknown file extension ".ts" for ' + url), { code: "ERR_UNKNOWN_FILE_EXTENSION" });
    } });`;
  const { code, stdout, stderr } = await run(
    process.execPath,
    ["--import", fileOf("hook.mjs", hook), MAIN, "drain", handlers],
    { env: { ...process.env, ...env } },
  );
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(
    /^pqrun: the file of handlers is TypeScript, which Node runs from 22\.18 on, and this is Node/,
  );
});

test("work runs jobs as they come, prints each as a line of JSON, and ends in 0 at SIGTERM", async () => {
  await enqueue("sum", { a: 2, b: 3 });
  const child = spawn(process.execPath, [MAIN, "work", handlers, "--json"], {
    env: { ...process.env, ...env },
  });
  const [events, words]: [string[], string[]] = [[], []];
  child.stderr.setEncoding("utf8").on("data", (text: string) => words.push(text));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    events.push(text);
    if (text.includes('"done"')) child.kill("SIGTERM");
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect({ code, said: words.join("") }).toEqual({
    ...{ code: 0, said: expect.stringContaining("worker started") as string },
  });
  expect(lines(events.join(""), jobEvent).map(({ event, id }) => [event, id])).toEqual([
    ["started", "1"],
    ["done", "1"],
  ]);
});
