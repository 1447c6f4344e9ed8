import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { cliPage } from "../../scripts/cli-page.ts";

test("docs/cli.md has each command's help, as it is printed: `npm run cli-page` writes it", () => {
  expect(readFileSync(fileURLToPath(new URL("../../docs/cli.md", import.meta.url)), "utf8")).toBe(cliPage());
});
