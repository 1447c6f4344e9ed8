// The first of the page's files registers its tests here.
import "./pages/with-vitest.ts";

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { run } from "../cli/run-cli.ts";
import { blocksOf } from "../package/documents.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const pages = fileURLToPath(new URL("pages/", import.meta.url));

test.each(["signup", "with-vitest", "with-node-test", "with-bun", "with-deno"])(
  "docs/testing.md shows %s.ts as it is run",
  (name) => {
    expect(blocksOf("docs/testing.md", "ts")).toContain(readFileSync(`${pages}${name}.ts`, "utf8"));
  },
);

test("with node:test it runs, and the process ends by itself", async () => {
  // What a test run of node:test starts within one of its own reports otherwise.
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const file = `${pages}with-node-test.ts`;
  const { code, stdout, stderr } = await run(
    process.execPath,
    ["--import", "./scripts/from-source.ts", "--test-reporter=tap", file],
    { cwd: root, env },
  );
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stdout).toContain("ok 1 - who signs up is welcomed");
});
