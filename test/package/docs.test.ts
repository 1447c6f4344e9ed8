import { existsSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { PGlite } from "@electric-sql/pglite";
import ts from "typescript";
import { expect, test } from "vitest";

import { pgliteExecutor } from "../../src/adapters/pglite.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import { blocksOf, linksOf, problemsIn } from "./documents.ts";

const docs = fileURLToPath(new URL("../../docs/", import.meta.url));
const pages = readdirSync(docs).filter((name) => name.endsWith(".md"));

/** As much of Deno and of Bun's tests as the pages use; the types that are loaded are Node's. */
const DENO = `declare const Deno: {
  readonly env: { get(name: string): string | undefined };
  serve(answer: (request: Request) => Response | Promise<Response>): unknown;
  test(name: string, run: () => Promise<void>): void;
};
declare module "bun:test" {
  export function test(name: string, run: () => Promise<void>, timeoutMs?: number): void;
  export { expect } from "vitest";
}`;

/** As Next.js and SvelteKit have it: what is imported has no extension. */
const BUNDLED = { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler };

/** Its packages are there beside npm run test:orms alone, which compiles and runs what is on it. */
const compiled = pages.filter((page) => page !== "orms.md");

test.each(compiled)(
  "each piece of TypeScript in %s compiles under the strictest settings",
  { timeout: 120_000 },
  (page) => {
    expect(problemsIn(blocksOf(`docs/${page}`, "ts"), DENO, BUNDLED)).toBe("");
  },
);

test.each(pages)("each link in %s into the repository leads somewhere", (page) => {
  expect(linksOf(`docs/${page}`).filter((path) => !existsSync(docs + path))).toEqual([]);
});

test("docs/frameworks.md shows the applications as npm run test:frameworks runs them", () => {
  const shown = [...blocksOf("docs/frameworks.md", "ts"), ...blocksOf("docs/frameworks.md", "typescript")];
  const apps = fileURLToPath(new URL("../frameworks/apps/", import.meta.url));
  for (const name of readdirSync(apps)) expect(shown).toContain(readFileSync(apps + name, "utf8"));
});

test("the page of moves has statements that run, from a table of one's own", async () => {
  const queue = await PGlite.create();
  await migrate(pgliteExecutor(queue));
  const [setUp = "", move = ""] = blocksOf("docs/moving.md", "sql").flatMap((text) => text.split(/;\n\n/));
  await queue.exec(setUp);
  await queue.exec(
    `INSERT INTO tasks (kind, body, state) VALUES ('a', '{"n": 1}', 'waiting'), ('b', '7', 'waiting'), ('c', '{}', 'running')`,
  );
  await queue.exec(move);
  const { rows } = await queue.query("SELECT job_type, payload FROM jobs ORDER BY id");
  expect(rows).toEqual([
    { job_type: "a", payload: { n: 1 } },
    { job_type: "b", payload: { value: 7 } },
  ]);
  await queue.close();
});
