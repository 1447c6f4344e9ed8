import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, expect, test } from "vitest";

import { PROJECT } from "../../scripts/install-built.ts";
import { runExample } from "./examples/example-process.ts";
import { program } from "./program.ts";

/** A folder as a user's is: the tests, the installed package, and PGlite beside it. */
const folder = mkdtempSync(join(realpathSync(tmpdir()), "pqrun-testing-"));
cpSync(fileURLToPath(new URL("../testing/pages", import.meta.url)), folder, { recursive: true });
// Without one Deno does not look into node_modules.
writeFileSync(`${folder}/package.json`, JSON.stringify({ private: true, type: "module" }));
mkdirSync(`${folder}/node_modules/@electric-sql`, { recursive: true });
symlinkSync(`${PROJECT}node_modules/pqrun`, `${folder}/node_modules/pqrun`);
const pglite = fileURLToPath(new URL("../../node_modules/@electric-sql/pglite", import.meta.url));
symlinkSync(pglite, `${folder}/node_modules/@electric-sql/pglite`);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("bun test runs what docs/testing.md shows", { timeout: 120_000 }, async () => {
  const output = await runExample(folder, [program("bun"), "test", "./with-bun.ts"], {});
  expect(output).toContain("1 pass");
});

test("deno test runs what docs/testing.md shows", { timeout: 120_000 }, async () => {
  const output = await runExample(
    folder,
    [program("deno"), "test", "-A", "--no-check", "./with-deno.ts"],
    {},
  );
  expect(output).toContain("1 passed");
});
