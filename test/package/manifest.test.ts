import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import ts from "typescript";
import { expect, test } from "vitest";

import manifest from "../../package.json" with { type: "json" };
import { ENTRIES } from "../../scripts/entries.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const paths = Object.entries(ENTRIES).filter(([name]) => name !== "cli/main");

test("each entry has an export of its name, and there is no other", () => {
  const expected = paths.map(([name]) => [
    name === "index" ? "." : `./${name}`,
    { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` },
  ]);
  const files = { "./sql/*": "./sql/*", "./package.json": "./package.json" };
  expect(manifest.exports).toEqual({ ...Object.fromEntries(expected), ...files });
});

test("examples are compiled against the sources of the entries", () => {
  const { config } = ts.readConfigFile(`${root}tsconfig.base.json`, (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: { paths: unknown } };
  };
  const expected = paths.map(([name, source]) => [
    name === "index" ? "pqrun" : `pqrun/${name}`,
    [`./${source}`],
  ]);
  expect(config.compilerOptions.paths).toEqual(Object.fromEntries(expected));
});

test("the source of each entry exists", () => {
  expect(Object.values(ENTRIES).filter((source) => !existsSync(root + source))).toEqual([]);
});

test("the package depends on nothing, and every peer is optional", () => {
  expect(manifest).not.toHaveProperty("dependencies");
  const optional = Object.keys(manifest.peerDependencies).map((name) => [name, { optional: true }]);
  expect(manifest.peerDependenciesMeta).toEqual(Object.fromEntries(optional));
});

test("the package says where it comes from, as its publication with provenance asks", () => {
  const home = "https://github.com/pqrun/pqrun-js";
  expect(manifest.repository).toEqual({ type: "git", url: `git+${home}.git` });
  expect([manifest.homepage, manifest.bugs]).toEqual([`${home}#readme`, `${home}/issues`]);
});

test("every development dependency is one exact version", () => {
  const inexact = Object.entries(manifest.devDependencies).filter(
    ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
  );
  expect(inexact).toEqual([]);
});

test("the lockfile names no registry", () => {
  const lockfile = JSON.parse(readFileSync(`${root}package-lock.json`, "utf8")) as {
    packages: Record<string, { resolved?: string }>;
  };
  const resolved = Object.entries(lockfile.packages).filter(([, { resolved }]) => resolved !== undefined);
  expect(resolved).toEqual([]);
});
