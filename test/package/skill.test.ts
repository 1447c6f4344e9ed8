import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import manifest from "../../package.json" with { type: "json" };
import { cli } from "../cli/run-cli.ts";
import { blocksOf, problemsIn } from "./documents.ts";

const SKILL = "skills/pqrun/SKILL.md";
const path = fileURLToPath(new URL(`../../${SKILL}`, import.meta.url));

test("`pqrun skill` prints where the skill is, and the package has it", async () => {
  expect(await cli(["skill"])).toEqual({ code: 0, stdout: `${path}\n`, stderr: "" });
  expect(manifest.files).toEqual(expect.arrayContaining(["skills", "docs/*.md"]));
  expect(await cli(["skill", "--json"])).toMatchObject({ code: 2 });
});

test("the skill begins with its name and when to use it, as agents look for it", () => {
  expect(readFileSync(path, "utf8")).toMatch(
    /^---\nname: pqrun\ndescription: Use when [^\n]{50,1000}\n---\n\n# /,
  );
});

test(
  "each piece of TypeScript in the skill compiles under the strictest settings",
  { timeout: 120_000 },
  () => {
    const code = blocksOf(SKILL, "ts");
    expect(code.length).toBeGreaterThanOrEqual(4);
    expect(problemsIn(code)).toBe("");
  },
);
