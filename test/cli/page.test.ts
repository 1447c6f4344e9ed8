import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { COMMANDS } from "../../src/cli/cli.ts";
import { helpOf } from "../../src/cli/help.ts";

const page = readFileSync(fileURLToPath(new URL("../../docs/cli.md", import.meta.url)), "utf8");

test("docs/cli.md has each command's help, as it is printed", () => {
  const sections = new Map(
    [...page.matchAll(/^### (\S+)\n\n```text\n([^]*?)\n```$/gm)].map(([, name, text]) => [name, text]),
  );
  expect([...sections.keys()]).toEqual(COMMANDS.map(({ name }) => name));
  for (const command of COMMANDS) expect(sections.get(command.name)).toBe(helpOf(command));
});
