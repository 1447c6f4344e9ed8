import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { ENTRIES } from "../../scripts/entries.ts";
import { STATEMENTS } from "../guards/statements.ts";
import { deadNames } from "./dead-exports.ts";

/** What a package exposes is imported elsewhere; `npm run test:guards` asks a statement's file for all its exports. */
const EXEMPT = [...Object.values(ENTRIES), ...STATEMENTS.map(({ file }) => file)];

const root = fileURLToPath(new URL("../../", import.meta.url));

test("in src each export has an importer, and each member of a class a use", () => {
  const paths = globSync(["{src,test,scripts,bench,examples}/**/*.ts", "*.config.ts"], {
    cwd: root,
    exclude: ["**/node_modules/**", "**/fixtures/**"],
  });
  const files = new Map(paths.map((path) => [path, readFileSync(root + path, "utf8")]));
  expect(files.size).toBeGreaterThan(300);
  expect(deadNames(files, EXEMPT, (path) => path.startsWith("src/"))).toEqual([]);
});

test.each([
  ["export const a = 1;", "src/a.ts exports a, which no other file imports"],
  ["export type A = string;", "src/a.ts exports A, which no other file imports"],
  ["class A { get b() { return 1; } }", "src/a.ts has a member b, which nothing uses"],
])("it is seen that nothing uses %s", (text, complaint) => {
  const files = new Map([["src/a.ts", text]]);
  expect(deadNames(files, [], () => true)).toEqual([complaint]);
});

test.each([
  [`export const a = 1;`, `import { a as b } from "./a.ts";`],
  [`export const a = 1;`, `export { a } from "./a.ts";`],
  [`export interface A {}`, `export * from "./a.ts";`],
  [`export function a() {}`, `import * as all from "./a.ts";`],
  [`export function a() {}`, `await import("./a.ts");`],
  [`export const A = ["x"] as const; type B = (typeof A)[number];`, ``],
  [`export interface A {} function b(a: A) {}`, ``],
  [`export interface A {} interface B extends A {}`, ``],
  [`class A { b = 1; #c = 2; [Symbol.iterator]() {} }`, `const { b } = x;`],
  [`class A { b = 1; }`, `const c = x.b;`],
])("%s is used by %s", (text, user) => {
  const files = new Map([
    ["src/a.ts", text],
    ["src/user.ts", user],
  ]);
  expect(deadNames(files, [], (path) => path === "src/a.ts")).toEqual([]);
});
