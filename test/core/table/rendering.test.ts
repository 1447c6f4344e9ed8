import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect, test } from "vitest";

import { migrationFiles } from "../../../src/migrate/migration-files.ts";
import { queueIndexes, renderMigrations } from "../../../src/migrate/migrations.ts";
import { packageRoot } from "../../../src/migrate/package-root.ts";
import { indexDefinitions } from "../../support/table-catalog.ts";
import { tableDatabase } from "../../support/table-database.ts";
import { PYTHON_PICK_UP } from "../../support/python-statements.ts";
import { PYTHON_DDL } from "../../support/table-python.ts";

const LAST = Math.max(...migrationFiles().map(({ number }) => number));

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
    expect(names.sort()).toEqual([
      ...["jobs_begun", "jobs_cancelled", "jobs_failed", "jobs_parked", "jobs_pkey"],
      ...["jobs_ready", "jobs_ready_due", "jobs_running", "jobs_running_keys"],
      "uq_jobs_active_dedupe",
      "uq_jobs_debounce",
      "uq_jobs_idempotency",
      "uq_jobs_tick",
    ]);
  }
});

test("pythonPickIndex builds an index in the order of Python's pick-up, beside Python's own or in their place", async () => {
  const own = "CREATE INDEX jobs_python_pick ON public.jobs USING btree (priority DESC, id) WHERE";
  for (const concurrently of [false, true]) {
    for (const [dropPythonIndexes, indexes] of [
      [false, queueIndexes({ pythonPickIndex: true }).length + 3],
      [true, queueIndexes({ pythonPickIndex: true }).length + 1],
    ] as const) {
      await using database = await tableDatabase();
      await database.rows(PYTHON_DDL);
      const options = { concurrently, dropPythonIndexes, pythonPickIndex: true };
      for (const statement of statements(renderMigrations(options))) await database.rows(statement);
      const definitions = await indexDefinitions(database);
      expect(definitions).toHaveLength(indexes);
      expect(definitions).toContainEqual(expect.stringContaining(own));
    }
  }
});

test("with it Python's pick-up takes the first of a due backlog from the index, and sorts nothing", async () => {
  await using database = await tableDatabase();
  await database.rows(PYTHON_DDL);
  await database.rows(`
INSERT INTO jobs (job_type, priority) SELECT 'a', n % 3 FROM generate_series(1, 20000) n;
ANALYZE jobs`);
  const plan = async (): Promise<string> => {
    const [row] = await database.rows(
      `EXPLAIN (ANALYZE, FORMAT JSON, COSTS OFF, TIMING OFF) ${PYTHON_PICK_UP.replace("$1", "'python'")}`,
    );
    return JSON.stringify(row);
  };
  expect(await plan()).toContain('"Node Type":"Sort"');
  await database.migrate({ pythonPickIndex: true });
  await database.rows("ANALYZE jobs");
  const fast = await plan();
  expect(fast).not.toContain('"Node Type":"Sort"');
  expect(fast).toContain('"Index Name":"jobs_python_pick"');
});

test("from leaves out the migrations before it, and refuses a number that there isn't", () => {
  expect(renderMigrations({ from: 3 })).toMatch(/^-- pqrun 003/);
  expect(renderMigrations({ from: 3, concurrently: true }).match(/INDEX CONCURRENTLY .* "\w+" /g)).toEqual([
    'INDEX CONCURRENTLY IF NOT EXISTS "uq_jobs_tick" ',
    'INDEX CONCURRENTLY IF NOT EXISTS "uq_jobs_idempotency" ',
    'INDEX CONCURRENTLY IF NOT EXISTS "uq_jobs_debounce" ',
    'INDEX CONCURRENTLY IF NOT EXISTS "jobs_parked" ',
    'INDEX CONCURRENTLY IF NOT EXISTS "jobs_running_keys" ',
    'INDEX CONCURRENTLY IF NOT EXISTS "jobs_begun" ',
  ]);
  for (const from of [0, LAST + 1, 1.5, Number.NaN]) {
    expect(() => renderMigrations({ from })).toThrow(`from: expected a whole number from 1 to ${LAST}`);
  }
});

test("a later migration without the first is refused", async () => {
  await using database = await tableDatabase();
  await expect(database.rows(renderMigrations({ from: 2 }))).rejects.toMatchObject({
    code: "PQR01",
    hint: "Migration 001 comes first.",
  });
});

test("the package is found from anywhere inside it, and its absence said clearly", () => {
  const root = packageRoot();
  expect(packageRoot(pathToFileURL(join(root, "dist", "cli", "main.js")).href)).toBe(root);
  const elsewhere = mkdtempSync(join(tmpdir(), "bundle-"));
  try {
    expect(() => packageRoot(pathToFileURL(join(elsewhere, "bundle.js")).href)).toThrow(
      /keep the CLI out of the bundle/,
    );
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
});
