import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect, test } from "vitest";

import { renderMigrations } from "../../../src/cli/migrations.ts";
import { packageRoot } from "../../../src/cli/package-root.ts";
import { indexDefinitions } from "../../support/table-catalog.ts";
import { tableDatabase } from "../../support/table-database.ts";
import { PYTHON_DDL } from "../../support/table-python.ts";

/** As psql sends it: the blocks, then each statement of its own on its own. */
function statements(text: string): string[] {
  const [blocks = "", single = ""] = text.split("-- One at a time");
  return [
    blocks,
    ...single
      .split("\n")
      .slice(1)
      .filter((line) => line !== ""),
  ];
}

test("concurrently prints blocks that build no index, then one statement for each", async () => {
  await using database = await tableDatabase();
  const [blocks = "", ...builds] = statements(renderMigrations({ concurrently: true }));
  await database.rows(blocks);
  expect(await indexDefinitions(database)).toHaveLength(1);
  for (const build of builds) await database.rows(build);
  await using inline = await tableDatabase();
  await inline.rows(renderMigrations());
  expect(await indexDefinitions(database)).toEqual(await indexDefinitions(inline));
});

test("--drop-python-indexes drops Python's two, inline and concurrently", async () => {
  for (const concurrently of [false, true]) {
    await using database = await tableDatabase();
    await database.rows(PYTHON_DDL);
    for (const statement of statements(renderMigrations({ concurrently, dropPythonIndexes: true }))) {
      await database.rows(statement);
    }
    const names = (await indexDefinitions(database)).map(
      (definition) => / INDEX (\S+)/.exec(definition)?.[1],
    );
    expect(names.sort()).toEqual(["jobs_pkey", "jobs_ready", "jobs_running", "uq_jobs_active_dedupe"]);
  }
});

test("pythonPickIndex gives a new table Python's pick-up index", async () => {
  await using database = await tableDatabase();
  await database.rows(renderMigrations({ pythonPickIndex: true }));
  expect(await indexDefinitions(database)).toContainEqual(
    "CREATE INDEX idx_jobs_pick ON public.jobs USING btree (status, run_after, priority DESC, id)",
  );
  expect(() => renderMigrations({ pythonPickIndex: true, dropPythonIndexes: true })).toThrow(
    /pythonPickIndex: expected/,
  );
});

test("from leaves out the migrations before it, and refuses a number that there isn't", () => {
  expect(renderMigrations({ from: 3 })).toMatch(/^-- pqrun 003/);
  expect(renderMigrations({ from: 3, concurrently: true })).not.toContain("CONCURRENTLY");
  for (const from of [0, 4, 1.5, Number.NaN]) {
    expect(() => renderMigrations({ from })).toThrow(/from: expected a whole number from 1 to 3/);
  }
});

test("a later migration without the first is refused", async () => {
  await using database = await tableDatabase();
  await expect(database.rows(renderMigrations({ from: 2 }))).rejects.toMatchObject({
    code: "PQR01",
    hint: "Migration 001 comes first.",
  });
});

test("the sql folder is found from anywhere inside the package, and its absence said clearly", () => {
  const root = packageRoot();
  expect(packageRoot(pathToFileURL(join(root, "dist", "cli", "main.js")).href)).toBe(root);
  const elsewhere = mkdtempSync(join(tmpdir(), "bundle-"));
  try {
    expect(() => packageRoot(pathToFileURL(join(elsewhere, "bundle.js")).href)).toThrow(
      /keep pqrun out of the bundle/,
    );
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
});
