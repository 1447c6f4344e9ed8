import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { testQueue } from "../support/queue.ts";
import { blocksOf, linksOf, problemsIn } from "./documents.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const queue = await testQueue();

test(
  "each piece of TypeScript in the README compiles under the strictest settings",
  { timeout: 120_000 },
  () => {
    const code = blocksOf("README.md", "ts");
    expect(code.length).toBeGreaterThanOrEqual(4);
    expect(problemsIn(code)).toBe("");
  },
);

test("each SQL statement in the README runs as it stands", async () => {
  const statements = blocksOf("README.md", "sql").flatMap((text) =>
    text.split(/;\s*$/m).filter((one) => one.trim() !== ""),
  );
  expect(statements.length).toBeGreaterThanOrEqual(5);
  for (const statement of statements) await queue.rows(statement);
  const [row] = await queue.rows("SELECT count(*)::int AS jobs FROM jobs");
  expect(row).toEqual({ jobs: 2 });
});

test("the README's two commands are scripts of the package, and CI runs the second", () => {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
    scripts: Record<string, string>;
  };
  const commands = blocksOf("README.md", "sh").flatMap((text) => text.trim().split("\n"));
  expect(commands).toContain("npm ci && npm start");
  expect(commands).toContain("npm ci && npm test");
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(["start", "test"]));
  expect(readFileSync(`${root}.ci/run`, "utf8")).toMatch(/npm test/);
});

test("each of the README's links into the repository leads somewhere", () => {
  const links = linksOf("README.md");
  expect(links.length).toBeGreaterThan(3);
  expect(links.filter((path) => !existsSync(root + path))).toEqual([]);
});
