import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import manifest from "../../package.json" with { type: "json" };
import { COMMANDS as CLI_COMMANDS } from "../../src/cli/cli.ts";
import { helpOf } from "../../src/cli/help.ts";
import { cli } from "./run-cli.ts";

const folder = mkdtempSync(join(tmpdir(), "pqrun-cli-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const COMMANDS = CLI_COMMANDS.map(({ name }) => name);
const SECRET = "hunter2";

test("without a command, or asked for help, it lists every command", async () => {
  for (const args of [[], ["--help"], ["-h"], ["help"]]) {
    const { code, stdout, stderr } = await cli(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const command of COMMANDS) expect(stdout).toContain(`pqrun ${command} `);
  }
});

test("--version is the package's", async () => {
  expect(await cli(["--version"])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" });
});

test.each(CLI_COMMANDS)("pqrun $name --help names each of its options", async (command) => {
  const { code, stdout, stderr } = await cli([command.name, "--schema", "s", "--help"]);
  expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: "", stdout: `${helpOf(command)}\n` });
  expect(stdout).toMatch(new RegExp(`^pqrun ${command.name}\\s`));
  const options = Object.keys(command.options).filter((option) => option !== "env-file");
  for (const option of options) expect(stdout).toMatch(new RegExp(`^ {2}--${option} `, "m"));
});

test.each([
  [["stast"], "; did you mean stats?"],
  [["migrate", "--tabel", "x"], "unknown option --tabel; did you mean --table?"],
  [["stats", "--js"], "unknown option --js; did you mean --json?"],
  [["schedules", "resmue", "x"], "; did you mean resume?"],
  [["completion", "zhs"], "; did you mean zsh?"],
  [["nonsense"], "completion\n"],
])("a word that is nearly one gets a suggestion: %j", async (args, complaint) => {
  expect((await cli(args)).stderr).toContain(complaint);
});

test("PQRUN_SCHEMA and PQRUN_TABLE are the defaults of the options, empty ones are not", async () => {
  const named = async (args: readonly string[], env: Record<string, string>): Promise<string[]> => {
    const { stdout } = await cli(["sql", ...args], env);
    return [/schema_name .*?'(\w+)'/, /table_name .*?'(\w+)'/].map((name) => name.exec(stdout)?.[1] ?? "");
  };
  const env = { PQRUN_SCHEMA: "queue", PQRUN_TABLE: "tasks" };
  expect(await named([], env)).toEqual(["queue", "tasks"]);
  expect(await named(["--table", "t", "--schema", "s"], env)).toEqual(["s", "t"]);
  expect(await named([], { PQRUN_SCHEMA: "", PQRUN_TABLE: "" })).toEqual(["public", "jobs"]);
});

test("a help fits a terminal of 100 columns", async () => {
  for (const args of [["--help"], ...COMMANDS.map((command) => [command, "--help"])]) {
    const { stdout } = await cli(args);
    expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
  }
});

test.each([
  [["nonsense"], "the first argument is not one of"],
  [["sql", "--nonsense"], "unknown option --nonsense"],
  [["sql", "nonsense"], "an argument that is no option"],
  [["sql", "--table"], "--table wants a value"],
  [["sql", "--concurrently=yes"], "--concurrently takes no value"],
  [["sql", "--from", "x"], "--from: expected a whole number"],
  [["sql", "--from", "77"], "from: expected a whole number from 1 to "],
  [["sql", "--table", ""], "table: expected a name"],
  [["demo", "--port", "70000"], "--port: expected a whole number from 0 to 65535"],
  [["stats"], "which database?"],
  [["migrate"], "which database?"],
  [["stats", "--env", "/nowhere/.env"], "--env: the file can't be read (ENOENT)"],
  [["stats", "--env-file", "/nowhere/.env"], "--env: the file can't be read (ENOENT)"],
])("wrong usage ends in 2 and says what is wrong: %j", async (args, complaint) => {
  const { code, stdout, stderr } = await cli(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(complaint);
});

test.each([
  [["stats", `postgres://u:${SECRET}@h/d`]],
  [["stats", "--url", `postgres://u:${SECRET}@h/d`]],
  [["stats", `--url=postgres://u:${SECRET}@h/d`]],
  [["stats", `--table=postgres://u:${SECRET}@h/d`]],
  [["stats", `--from=host=h password=${SECRET}`]],
  [[`postgresql://u:${SECRET}@h/d`]],
])("a connection string on the command line is refused, and not shown: %#", async (args) => {
  const { code, stdout, stderr } = await cli(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("doesn't belong on the command line");
  expect(stderr).not.toContain(SECRET);
});

test.each([[["stats", "--password", SECRET]], [["stats", SECRET]], [[SECRET]]])(
  "no argument that went astray is shown: %#",
  async (args) => {
    const { code, stderr } = await cli(args);
    expect(code).toBe(2);
    expect(stderr).not.toContain(SECRET);
  },
);

test.each([
  `postgres://u:${SECRET}@[bad/d`,
  `postgres://u:${SECRET}#@h:99999999/d`,
  `mysql://u:${SECRET}@h/d`,
  `host=h password=${SECRET}`,
  SECRET,
])("a URL that can't be read is named by its variable, and not shown: %#", async (url) => {
  for (const name of ["PQRUN_DATABASE_URL", "DATABASE_URL"]) {
    const { code, stdout, stderr } = await cli(["stats"], { [name]: url });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(`${name}: expected postgres://host:port/database`);
    expect(stderr).not.toContain(SECRET);
  }
});

test("a socket's URL, as Cloud SQL has it, is taken for one", async () => {
  const url = `postgres://app:${SECRET}@/shop?host=/nowhere/project:region:instance`;
  const { code, stderr } = await cli(["stats"], { DATABASE_URL: url });
  expect(code).toBe(1);
  expect(stderr).toContain("/nowhere/project:region:instance");
  expect(stderr).not.toContain(SECRET);
});

test("PQRUN_DATABASE_URL comes before DATABASE_URL, and the environment before the file", async () => {
  const file = join(folder, ".env");
  writeFileSync(file, "PQRUN_DATABASE_URL=nonsense\nDATABASE_URL=nonsense\n");
  const asked = async (env: Record<string, string>): Promise<string> =>
    (await cli(["stats", "--env-file", file], env)).stderr;
  expect(await asked({})).toContain("PQRUN_DATABASE_URL: expected");
  expect(await asked({ PQRUN_DATABASE_URL: "postgres://u@127.0.0.1:1/d" })).not.toContain("expected");
  writeFileSync(file, "DATABASE_URL=nonsense\n");
  expect(await asked({})).toContain("DATABASE_URL: expected");
  expect(await asked({ PQRUN_DATABASE_URL: "postgres://u@127.0.0.1:1/d" })).not.toContain("expected");
});
