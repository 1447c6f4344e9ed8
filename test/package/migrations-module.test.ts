import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { build } from "esbuild";
import { expect, onTestFinished, test } from "vitest";

import { ENTRIES } from "../../scripts/entries.ts";
import { inlinedMigrations, inlineMigrations } from "../../scripts/inline-migrations.ts";
import { catalog } from "../support/table-catalog.ts";
import { tableDatabase } from "../support/table-database.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

test("the module that the package has in place of the files holds each numbered file of sql/, to the letter", async () => {
  const { migrationFiles } = (await import(
    `data:text/javascript,${encodeURIComponent(inlinedMigrations())}`
  )) as { readonly migrationFiles: () => unknown };
  const numbered = readdirSync(`${root}sql`).filter((file) => /^\d/.test(file));
  expect(numbered.length).toBeGreaterThanOrEqual(3);
  expect(migrationFiles()).toEqual(
    numbered
      .sort()
      .map((file, index) => ({ number: index + 1, text: readFileSync(`${root}sql/${file}`, "utf8") })),
  );
});

test("an application that bundles pqrun/migrate, or is deployed without the sql folder, migrates", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pqrun-bundled-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const outfile = join(folder, "app.mjs");
  const { metafile } = await build({
    stdin: {
      contents: `
import pg from "pg";
import { pgExecutor } from "./${ENTRIES.pg}";
import { migrate } from "./${ENTRIES.migrate}";
const pool = new pg.Pool({ connectionString: process.argv[2] });
console.log((await migrate(pgExecutor(pool))).table);
await pool.end();`,
      resolveDir: root,
    },
    outfile,
    bundle: true,
    metafile: true,
    format: "esm",
    packages: "external",
    plugins: [inlineMigrations],
  });
  const imported = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  expect(imported).toContain("pg");
  expect(imported.filter((path) => /^node:(?:fs|path|url|module)/.test(path))).toEqual([]);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(`${root}node_modules/pg`, join(folder, "node_modules/pg"));
  await using database = await tableDatabase();
  const { stdout } = await promisify(execFile)(process.execPath, [outfile, database.url]);
  expect(stdout).toBe("created\n");
  await using expected = await tableDatabase();
  await expected.migrate();
  const withoutXmin = (rows: unknown[]): string =>
    JSON.stringify(rows).replaceAll(/("object":"jobs_\w+\([^)]*\)) \d+/g, "$1");
  expect(withoutXmin(await catalog(database))).toBe(withoutXmin(await catalog(expected)));
});
