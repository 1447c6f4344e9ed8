import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import ts from "typescript";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const pages = ["docs/guarantees.md", "docs/reliability.md", "docs/words.md"];

/** What says under which conditions all else holds. */
const NO_PROMISES = ["What is assumed"];
/** The rows of the list that don't apply: there is no scheduler. */
const NOT_APPLICABLE = [29, 30];
const ROWS = Array.from({ length: 37 }, (_, index) => index + 1);

const textOf = (page: string): string => readFileSync(root + page, "utf8");

/** The links of a Markdown text to tests: `[name of the test](../test/…)`. */
function testsIn(text: string): { name: string; file: string }[] {
  return [...text.matchAll(/\[([^\]]+)\]\(\.\.\/(test\/[^)]+)\)/g)].map(([, name = "", file = ""]) => ({
    name,
    file,
  }));
}

/** Headings of the second level, and what stands below each. */
function sectionsOf(page: string): { heading: string; text: string }[] {
  return textOf(page)
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [heading = "", ...lines] = section.split("\n");
      return { heading, text: lines.join("\n") };
    });
}

/** What a source says in its strings; comments and code name no test. Nothing where there is no such file. */
function stringsIn(file: string): string[] {
  if (!existsSync(root + file)) return [];
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node))
      found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, textOf(file), ts.ScriptTarget.Latest, true));
  return found;
}

test.each(pages)("each test that %s links to is there under that name", { timeout: 120_000 }, (page) => {
  const links = testsIn(textOf(page));
  expect(links.length).toBeGreaterThan(30);
  const strings = new Map(links.map(({ file }) => [file, ""]));
  for (const file of strings.keys()) strings.set(file, stringsIn(file).join("\n"));
  const missing = links.filter(({ name, file }) => !strings.get(file)?.includes(name));
  expect(missing).toEqual([]);
});

test("each promise is shown by a test", () => {
  const promises = sectionsOf("docs/guarantees.md").filter(({ heading }) => !NO_PROMISES.includes(heading));
  expect(promises.length).toBeGreaterThan(20);
  const unshown = promises.filter(({ text }) => testsIn(text).length === 0);
  expect(unshown.map(({ heading }) => heading)).toEqual([]);
});

test("each failure of the list is shown by a test, or said not to apply", () => {
  const list = sectionsOf("docs/reliability.md").find(({ heading }) => heading === "The list");
  const rows = [...(list?.text ?? "").matchAll(/^\| *(\d+) .*$/gm)];
  expect(rows.map(([, number]) => Number(number))).toEqual(ROWS);
  const unshown = rows.filter(([row]) => testsIn(row).length === 0).map(([, number]) => Number(number));
  expect(unshown).toEqual(NOT_APPLICABLE);
});
