import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

import { MAIN, run } from "./run-cli.ts";
import { tableDatabase } from "../support/table-database.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** pqrun where nothing else is installed. */
const bare = mkdtempSync(join(tmpdir(), "pqrun-bare-"));
const bareMain = join(bare, "src/cli/main.ts");

beforeAll(() => {
  for (const part of ["src", "sql", "examples", "package.json"])
    cpSync(root + part, join(bare, part), { recursive: true });
});
afterAll(() => {
  rmSync(bare, { recursive: true });
});

test("its exit code is that of the command", async () => {
  expect((await run(process.execPath, [MAIN, "--version"])).code).toBe(0);
  expect((await run(process.execPath, [MAIN, "nonsense"])).code).toBe(2);
});

/** Makes a process take its Node for another: what an old one lacks is missing in the runtimes' tests alone. */
const claiming = (version: string): string[] => [
  "--import",
  `data:text/javascript,Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } })`,
];

test.for(["18.20.8", "20.18.3", "21.6.2"])(
  "on Node %s it says which Node it needs, and imports nothing that it could die of",
  async (version) => {
    const { code, stdout, stderr } = await run(process.execPath, [...claiming(version), MAIN, "--help"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(`pqrun: Node 20.19 or later is needed, and this is Node ${version}\n`);
    expect(readFileSync(MAIN, "utf8")).not.toMatch(/^(?:import|export)\b/m);
  },
);

test.for(["20.19.0", "21.7.0", "22.0.0", "24.0.0"])("on Node %s it starts", async (version) => {
  const { code } = await run(process.execPath, [...claiming(version), MAIN, "--help"]);
  expect(code).toBe(0);
});

test("sql needs nothing but Node", async () => {
  const { code, stdout, stderr } = await run(process.execPath, [bareMain, "sql"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^-- pqrun 001/);
});

test("sql ends quietly when its reader has had enough", async () => {
  const child = spawn(process.execPath, [MAIN, "sql"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  const [code] = (await once(child, "close")) as [number | null];
  expect({ code, complaints }).toEqual({ code: 0, complaints: "" });
});

test("without a driver it says which to install", async () => {
  const env = { ...process.env, PQRUN_DATABASE_URL: "postgres://u:hunter2@127.0.0.1:1/d" };
  const { code, stdout, stderr } = await run(process.execPath, [bareMain, "stats"], { env });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toBe(
    "pqrun: no PostgreSQL driver is installed: `npm install pg` (or postgres, or @neondatabase/serverless)\n",
  );
});

test("without its packages the demo says which to install", async () => {
  const demo = async (url: string): Promise<string> => {
    const env = { ...process.env, DATABASE_URL: url, PQRUN_DATABASE_URL: "" };
    const { code, stderr } = await run(process.execPath, [bareMain, "demo", "--once"], { env });
    expect(code).toBe(1);
    return stderr;
  };
  expect(await demo("")).toContain(
    "npm install hono @hono/node-server @electric-sql/pglite`; with DATABASE_URL",
  );
  expect(await demo("postgres://127.0.0.1:1/d")).toContain("npm install hono @hono/node-server`\n");
});

test("a driver that is there but broken is not passed over", async () => {
  const broken = join(bare, "node_modules/pg");
  mkdirSync(broken, { recursive: true });
  writeFileSync(join(broken, "package.json"), '{"name":"pg","main":"index.js"}');
  writeFileSync(join(broken, "index.js"), 'require("pg-lost-part");');
  const env = { ...process.env, PQRUN_DATABASE_URL: "postgres://127.0.0.1:1/d" };
  const { code, stderr } = await run(process.execPath, [bareMain, "stats"], { env });
  rmSync(broken, { recursive: true });
  expect(code).toBe(1);
  expect(stderr).toContain("pg-lost-part");
});

test.each(["pg", "postgres"])("migrate and stats work through %s, and through it alone", async (driver) => {
  await using database = await tableDatabase();
  const modules = join(bare, "node_modules");
  const installed = driver === "pg" ? /^(pg|pg-.+|pgpass|postgres-.+|split2|xtend)$/ : /^postgres$/;
  for (const name of readdirSync(`${root}node_modules`).filter((name) => installed.test(name))) {
    cpSync(`${root}node_modules/${name}`, join(modules, name), { recursive: true });
  }
  const env = { ...process.env, PQRUN_DATABASE_URL: database.url };
  const migrated = await run(process.execPath, [bareMain, "migrate"], { env });
  const stats = await run(process.execPath, [bareMain, "stats", "--json"], { env });
  rmSync(modules, { recursive: true });
  expect(migrated).toMatchObject({ code: 0, stderr: "" });
  expect(migrated.stdout).toMatch(/^public\.jobs: created/);
  expect(stats).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(stats.stdout)).toMatchObject({ due: 0 });
});
