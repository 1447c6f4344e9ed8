import { expect, test } from "vitest";

import { COMMANDS } from "../../src/cli/cli.ts";
import { cli, run } from "./run-cli.ts";

/** What bash would offer for a line of which the last word is being typed. */
async function offered(...line: readonly string[]): Promise<string[]> {
  const { stdout: script } = await cli(["completion", "bash"]);
  const asks = `COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _pqrun; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, stdout, stderr } = await run("bash", ["-c", `${script}\n${asks}`, "bash", ...line]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.split("\n").filter((word) => word !== "");
}

test("bash offers the commands, then the options of the one that was chosen", async () => {
  expect(await offered("pqrun", "")).toEqual(COMMANDS.map(({ name }) => name));
  expect(await offered("pqrun", "st")).toEqual(["stats"]);
  expect(await offered("pqrun", "stats", "--js")).toEqual(["--json"]);
  expect(await offered("pqrun", "schedules", "--schema", "s", "--missed", "")).toEqual([
    "once",
    "all",
    "skip",
  ]);
});

test("bash offers the words that a first argument may be", async () => {
  expect(await offered("pqrun", "schedules", "re")).toEqual(["resume"]);
  expect(await offered("pqrun", "completion", "")).toEqual(expect.arrayContaining(["bash", "zsh", "fish"]));
});

test.each(["zsh", "fish"])("%s gets each command with each of its options", async (shell) => {
  const { code, stdout, stderr } = await cli(["completion", shell]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const lines = stdout.split("\n");
  for (const { name, options } of COMMANDS) {
    for (const option of Object.keys(options).filter((one) => one !== "env-file")) {
      const mention = shell === "zsh" ? `--${option}[` : `-l ${option} `;
      expect(lines.some((line) => line.includes(name) && line.includes(mention))).toBe(true);
    }
  }
});

test("an unknown shell ends in 2", async () => {
  expect((await cli(["completion", "csh"])).code).toBe(2);
  expect((await cli(["completion"])).code).toBe(2);
});
