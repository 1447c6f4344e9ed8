import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { squeezed } from "../../scripts/squeeze-sql.ts";

const src = fileURLToPath(new URL("../../src/", import.meta.url));

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");
const withoutComments = (text: string): string => text.replaceAll(/^\s*--.*$/gm, "");

test("SQL loses its comments and indentation in the build, and nothing else", () => {
  expect(squeezed("const a = () => `\n  SELECT 1, ${b}\n    -- why\n    FROM t`;\n  // kept")).toBe(
    "const a = () => `\nSELECT 1, ${b}\nFROM t`;\n  // kept",
  );
});

const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) =>
  /^(?:core|dashboard)[\\/].+\.ts$/.test(name),
);

test.each(files)("%s means the same squeezed", (name) => {
  const source = readFileSync(src + name, "utf8");
  expect(words(squeezed(source))).toEqual(words(withoutComments(source)));
});
