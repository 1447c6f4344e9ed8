import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

const examples = fileURLToPath(new URL("../../examples/", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));
/** What fits a screen beside the file list of an editor. */
const SCREEN = 60;

const linesOf = (path: string): number =>
  readFileSync(examples + path, "utf8")
    .trimEnd()
    .split("\n").length;

describe.each(readdirSync(examples))("examples/%s", (name) => {
  test("has a README of one screen, and entries of at most 80 lines", () => {
    expect(linesOf(`${name}/README.md`)).toBeLessThanOrEqual(SCREEN);
    const entries = readdirSync(examples + name).filter((file) => file.endsWith(".ts"));
    expect(entries.filter((file) => linesOf(`${name}/${file}`) > 80)).toEqual([]);
  });

  test("depends on this clone's pqrun, and the README of the project or its platforms leads to it", () => {
    const { dependencies } = JSON.parse(readFileSync(`${examples}${name}/package.json`, "utf8")) as {
      dependencies: Record<string, string>;
    };
    // What a clone can install, before and after a release.
    expect(dependencies["pqrun"]).toBe("file:../..");
    const pages = ["README.md", "docs/platforms.md"].map((page) => readFileSync(root + page, "utf8"));
    expect(pages.some((page) => page.includes(`examples/${name})`))).toBe(true);
  });

  test("is started by a test", () => {
    const tests = [`test/examples/${name}.test.ts`, `test/runtimes/examples/${name}.test.ts`];
    expect(tests.some((path) => existsSync(root + path))).toBe(true);
  });
});
