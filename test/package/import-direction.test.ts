import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { importsOf, OPERATIONS, WALLS, wrongImports } from "./import-graph.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

function sources(): Map<string, string> {
  const paths = globSync(["src/**/*.ts", "test/conformance/**/*.ts"], { cwd: root });
  return new Map(paths.map((path) => [path, readFileSync(root + path, "utf8")]));
}

test("integrations, cli → runners → core ← adapters: no import goes another way, none in a circle", () => {
  const files = sources();
  expect(files.size).toBeGreaterThan(0);
  expect(wrongImports(files)).toEqual([]);
});

test("the operations that may not import each other are files that exist", () => {
  expect(OPERATIONS.filter((path) => !sources().has(path))).toEqual([]);
});

test.each([
  [
    "src/core/job.ts",
    `import { pg } from "../adapters/pg/pg.ts";`,
    "src/core/job.ts imports src/adapters/pg/pg.ts",
  ],
  [
    "src/core/job.ts",
    `import type { W } from "../runners/worker/worker.ts";`,
    "src/core/job.ts imports src/runners/worker/worker.ts",
  ],
  [
    "src/core/job.ts",
    `export * from "../runners/worker/worker.ts";`,
    "src/core/job.ts imports src/runners/worker/worker.ts",
  ],
  ["src/core/job.ts", `const fs = await import("node:fs");`, "src/core/job.ts imports node:fs"],
  ["src/core/job.ts", `type P = import("pg").Pool;`, "src/core/job.ts imports pg"],
  ["src/core/job.ts", `await import(name);`, "src/core/job.ts imports a module that is computed: name"],
  ["src/core/job.ts", `import "../index.ts";`, "src/core/job.ts imports src/index.ts"],
  [
    "src/adapters/pg/pg.ts",
    `import "../../runners/worker/worker.ts";`,
    "src/adapters/pg/pg.ts imports src/runners/worker/worker.ts",
  ],
  ["src/adapters/pg/pg.ts", `import type { Pool } from "pg";`, "src/adapters/pg/pg.ts imports pg"],
  [
    "src/runners/worker/worker.ts",
    `import "../../adapters/pg/pg.ts";`,
    "src/runners/worker/worker.ts imports src/adapters/pg/pg.ts",
  ],
  [
    "src/runners/worker/worker.ts",
    `import "node:timers";`,
    "src/runners/worker/worker.ts imports node:timers",
  ],
  [
    "src/runners/worker/worker.ts",
    `import "../../cli/main.ts";`,
    "src/runners/worker/worker.ts imports src/cli/main.ts",
  ],
  ["src/integrations/hono.ts", `import "node:fs";`, "src/integrations/hono.ts imports node:fs"],
  [
    "src/integrations/hono.ts",
    `import "../cli/main.ts";`,
    "src/integrations/hono.ts imports src/cli/main.ts",
  ],
  ["src/migrate/migrate.ts", `import "../cli/main.ts";`, "src/migrate/migrate.ts imports src/cli/main.ts"],
  ["src/producer.ts", `export * from "./cli/main.ts";`, "src/producer.ts imports src/cli/main.ts"],
  ["src/cli/main.ts", `import "../../test/support/x.ts";`, "src/cli/main.ts imports test/support/x.ts"],
  [
    "src/cli/main.ts",
    `import "../../test/conformance/index.ts";`,
    "src/cli/main.ts imports test/conformance/index.ts",
  ],
  ["test/conformance/index.ts", `import "vitest";`, "test/conformance/index.ts imports vitest"],
  [
    "test/conformance/index.ts",
    `import "../support/x.ts";`,
    "test/conformance/index.ts imports test/support/x.ts",
  ],
  [
    "src/core/operations/retry.ts",
    `import "./cancel.ts";`,
    "src/core/operations/retry.ts imports src/core/operations/cancel.ts: operations do not import each other",
  ],
  ["src/new-layer/x.ts", `import "../core/job.ts";`, "src/new-layer/x.ts is in no layer"],
])("a wrong arrow is caught: %s with %s", (path, text, complaint) => {
  expect(wrongImports(new Map([[path, text]]))).toEqual([complaint]);
});

test("the planner of a worker's turns imports nothing: what it knows it is shown, and it keeps nothing", () => {
  const path = "src/runners/worker/turn-planner.ts";
  const text = readFileSync(root + path, "utf8");
  expect(importsOf(path, text)).toEqual([]);
  expect(text).not.toMatch(/^(?:export )?(?:let|var|class) /m);
});

test.each(WALLS)("a wall stands between %s and %s", (one, other) => {
  const text = `import type { X } from "../../../${other}x.ts";`;
  expect(wrongImports(new Map([[`${one}y.ts`, text]]))).toEqual([
    `${one}y.ts imports ${other}x.ts: there is a wall between ${one} and ${other}`,
  ]);
});

test("a circle is caught, of types too", () => {
  const circle = new Map([
    ["src/core/a.ts", `import { b } from "./b.ts";`],
    ["src/core/b.ts", `import { c } from "./c.ts";`],
    ["src/core/c.ts", `import type { A } from "./a.ts";`],
  ]);
  expect(wrongImports(circle)).toEqual(["src/core/a.ts → src/core/b.ts → src/core/c.ts → src/core/a.ts"]);
});

test("right arrows pass", () => {
  const right = new Map([
    ["src/index.ts", `export * from "./core/job.ts"; export * from "./runners/worker/worker.ts";`],
    ["src/core/turn/turn-request.ts", `import { text } from "./turn-text.ts"; import "../sql/job-row.ts";`],
    [
      "src/runners/worker/worker.ts",
      `import { turn } from "../../core/turn/turn-request.ts"; import { wait } from "../wait.ts";`,
    ],
    ["src/adapters/pg/pg.ts", `import type { SqlExecutor } from "../../core/executor.ts";`],
    [
      "src/integrations/hono.ts",
      `import type { Context } from "hono"; import "../runners/drain/drain-once.ts";`,
    ],
    ["src/integrations/node.ts", `import { once } from "node:events";`],
    ["src/migrate/migrations.ts", `import "node:fs"; import "../core/errors.ts";`],
    [
      "src/cli/main.ts",
      `import { parseArgs } from "node:util"; import "../adapters/pg/pg.ts"; await import("pg");`,
    ],
    [
      "test/conformance/index.ts",
      `import { turn } from "../../src/core/turn/turn-request.ts"; import "./queue.ts";`,
    ],
  ]);
  expect(wrongImports(right)).toEqual([]);
});

test("an import in a string or a comment is none", () => {
  const text = "// import './x.ts'\nconst sql = `import 'y' ${1 + 1} import('z')`; const s = \"from 'q'\";";
  expect(importsOf("src/core/job.ts", text)).toEqual([]);
});
