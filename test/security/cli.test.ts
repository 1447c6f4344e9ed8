import { writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { tableDatabase, type TableDatabase } from "../support/table-database.ts";
import { cli, MAIN, run, type CliRun } from "../cli/run-cli.ts";
import { expectCanary, plantCanary } from "./canary.ts";
import { CORPUS, isStorable } from "./corpus.ts";
import { LEAKY, SECRET } from "./thrown.ts";

let database: TableDatabase;
let folder: string;
beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate();
  await plantCanary(database);
  folder = mkdtempSync(join(tmpdir(), "pqrun-security-"));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database[Symbol.asyncDispose]();
});

/** Nothing that moves a cursor, and nothing that turns the order of the letters around it. */
const CONTROLS = /[^\P{Cc}\n]|\p{Bidi_Control}/u;

function expectQuiet({ code, stdout, stderr }: CliRun, codes: readonly number[]): void {
  expect(codes).toContain(code);
  expect(stderr).not.toMatch(CONTROLS);
  expect(stdout + stderr).not.toContain(SECRET);
  expect(stderr).not.toContain("    at ");
}

test("hostile arguments are refused without being repeated, by every command", async () => {
  for (const text of CORPUS) {
    const commands = [
      [text],
      ["sql", text],
      ["stats", `--${text}`],
      ["migrate", "--from", text],
      ["sql", "--from", text],
    ];
    for (const args of commands) {
      const ran = await cli(args, { DATABASE_URL: database.url });
      // The end of the options, after which there is none.
      if (text === "--") continue;
      expectQuiet(ran, [2]);
      // The name of an option that is nothing but letters may be told.
      if (text.length > 12 && !/^[a-z]+$/i.test(text)) expect(ran.stderr).not.toContain(text);
    }
  }
});

test("hostile names end in 0 or in 2, and sql prints them as text that is nothing but a name", async () => {
  let printed = 0;
  for (const text of CORPUS) {
    const ran = await cli(["sql", `--table=${text}`]);
    expectQuiet(ran, [0, 2]);
    printed += ran.code === 0 ? 1 : 0;
  }
  expect(printed).toBeGreaterThan(100);
});

test("migrate and stats with hostile names leave what is there, and make a queue of that name or none", async () => {
  const names = CORPUS.filter((text) => isStorable(text)).filter((_, index) => index % 40 === 3);
  for (const name of names) {
    const env = { DATABASE_URL: database.url };
    const migrated = await cli(["migrate", `--schema=${name}`, "--table=queue"], env);
    expectQuiet(migrated, [0, 1, 2]);
    const stats = await cli(["stats", `--schema=${name}`, "--table=queue", "--json"], env);
    expectQuiet(stats, [migrated.code ?? 0]);
    expect(migrated.stdout).not.toMatch(CONTROLS);
    if (migrated.code === 0) expect(JSON.parse(stats.stdout)).toMatchObject({ due: 0 });
  }
  await expectCanary(database);
});

test("stats of hostile job types sends nothing to the terminal but their letters, as text and as JSON", async () => {
  const types = CORPUS.filter((text) => isStorable(text));
  await database.rows("INSERT INTO jobs (job_type) SELECT unnest($1::text[])", [types]);
  const env = { DATABASE_URL: database.url };
  const text = await cli(["stats"], env);
  const json = await cli(["stats", "--json"], env);
  for (const ran of [text, json]) {
    expectQuiet(ran, [0]);
    expect(ran.stdout).not.toMatch(CONTROLS);
  }
  const { types: counted } = JSON.parse(json.stdout) as { types: object };
  expect(Object.keys(counted).toSorted()).toEqual([...types].toSorted());
});

test("a hostile URL in the environment or in a file is refused without being repeated", async () => {
  const texts = LEAKY.filter((thrown): thrown is string => typeof thrown === "string");
  const file = join(folder, "env");
  for (const text of [...CORPUS.filter((_, index) => index % 8 === 0), ...texts]) {
    // One that can be read is tried at a port that nobody answers.
    if (/^postgres(ql)?:\/\//i.test(text.trim())) continue;
    if (text.trim() === "") continue;
    expectQuiet(await cli(["stats"], { DATABASE_URL: text }), [2]);
    writeFileSync(file, `DATABASE_URL='${text.replaceAll("'", "")}'\n`);
    expectQuiet(await cli(["migrate", "--env-file", file], {}), [1, 2]);
  }
});

test("a password in any argument is refused by every command before it is used", async () => {
  const url = `postgres://app:${SECRET}@127.0.0.1:1/app`;
  for (const command of ["sql", "migrate", "stats", "demo"]) {
    for (const args of [
      [url],
      ["--table", url],
      [`--env-file=${url}`],
      [`--password=${SECRET}`],
      [`password=${SECRET}`],
    ]) {
      const ran = await cli([command, ...args], {});
      expectQuiet(ran, [2]);
      expect(ran.stdout).toBe("");
    }
  }
});

test("demo with a database that refuses shows no password", async () => {
  const url = `postgres://app:${SECRET}@127.0.0.1:1/app`;
  expectQuiet(await cli(["demo", "--once"], { DATABASE_URL: url }), [1]);
});

test("it works where the prototype accessor is deleted, as hardened deployments have it", async () => {
  const env = { ...process.env, PQRUN_DATABASE_URL: database.url };
  for (const args of [["sql"], ["migrate", "--table=hardened"], ["stats", "--table=hardened", "--json"]]) {
    expect(await run(process.execPath, ["--disable-proto=delete", MAIN, ...args], { env })).toMatchObject({
      code: 0,
      stderr: "",
    });
  }
});
