import { cpSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

import { runExample } from "./examples/example-process.ts";
import { program } from "./program.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

test(
  "JSR would take the package: no slow types, nothing that it can't resolve",
  { timeout: 300_000 },
  async () => {
    const folder = mkdtempSync(join(realpathSync(tmpdir()), "pqrun-jsr-"));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    for (const path of ["src", "deno.json", "README.md", "LICENSE", "CHANGELOG.md"])
      cpSync(root + path, join(folder, path), { recursive: true });
    const output = await runExample(folder, [program("deno"), "publish", "--dry-run", "--allow-dirty"], {});
    expect(output).toContain("Dry run complete");
  },
);
