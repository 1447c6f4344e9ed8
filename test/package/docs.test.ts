import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import ts from "typescript";
import { expect, test } from "vitest";

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

test.each(pages)(
  "each piece of TypeScript in %s compiles under the strictest settings",
  { timeout: 120_000 },
  (page) => {
    expect(problemsIn(blocksOf(`docs/${page}`, "ts"), DENO, BUNDLED)).toBe("");
  },
);

test.each(pages)("each link in %s into the repository leads somewhere", (page) => {
  expect(linksOf(`docs/${page}`).filter((path) => !existsSync(docs + path))).toEqual([]);
});
