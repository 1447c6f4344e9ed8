import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import manifest from "../../package.json" with { type: "json" };
import { linksOf } from "./documents.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string): string => readFileSync(root + path, "utf8");
const PAGES = globSync(["*.md", "docs/decisions/*.md", ".github/**/*.md"], { cwd: root }).filter(
  (path) => path !== "CHANGELOG.md",
);
/** The pages that tell where things are, by paths from the root; a star stands for any name. */
const MAPS = [
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "AGENTS.md",
  ...PAGES.filter((path) => path.startsWith("docs/")),
];
const PATH = /`((?:src|test|sql|docs|scripts|bench|examples|\.github|\.ci)\/[\w./*-]*)`/g;

test.each(PAGES)("each link in %s into the repository leads somewhere", (page) => {
  expect(linksOf(page).filter((path) => !existsSync(join(root, dirname(page), path)))).toEqual([]);
});

test.each(MAPS)("each file that %s names exists", (page) => {
  const named = [...read(page).matchAll(PATH)].map(([, path = ""]) => path);
  expect(named.filter((path) => globSync(path, { cwd: root }).length === 0)).toEqual([]);
});

test("the relations of the turn that ARCHITECTURE.md names are in the files that it names", () => {
  const rows = read("ARCHITECTURE.md").matchAll(
    /^\| ((?:`\w+`(?:, )?)+) +\| `(src\/core\/turn\/[\w/.-]+)`/gm,
  );
  const missing = [...rows].flatMap(([, relations = "", file = ""]) =>
    [...relations.matchAll(/`(\w+)`/g)]
      .filter(([, name = ""]) => !new RegExp(`\\b${name}(?:\\([\\w, ]+\\))? AS`).test(read(file)))
      .map(([, name = ""]) => `${name} is not in ${file}`),
  );
  expect(missing).toEqual([]);
  expect(read("ARCHITECTURE.md")).toContain("`candidates`");
});

test.each(["CONTRIBUTING.md", "AGENTS.md"])("each npm script that %s names exists", (page) => {
  const named = [...read(page).matchAll(/npm run ([\w:]+)/g)].map(([, name = ""]) => name);
  expect(named.filter((name) => !Object.hasOwn(manifest.scripts, name))).toEqual([]);
});

test("the decisions are numbered in a row, and each is in the index by its title", () => {
  const pages = globSync("docs/decisions/[0-9]*.md", { cwd: root }).sort();
  const index = read("docs/decisions/README.md");
  const entries = pages.map((path, place) => {
    const [, number, title] = /^# (\d{3})\. (.*)$/m.exec(read(path)) ?? [];
    expect(path).toContain(`/${String(place + 1).padStart(3, "0")}-`);
    return `| ${number ?? ""} | [${title ?? ""}](${path.slice("docs/decisions/".length)}) `;
  });
  expect(entries.filter((entry) => !index.includes(entry))).toEqual([]);
});
