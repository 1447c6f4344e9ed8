import { existsSync, globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import ts from "typescript";
import { expect, test } from "vitest";

import jsr from "../../deno.json" with { type: "json" };
import bench from "../../bench/package.json" with { type: "json" };
import manifest from "../../package.json" with { type: "json" };
import { ENTRIES } from "../../scripts/entries.ts";
import { jsrExports } from "../../scripts/jsr.ts";
import { MORE_TESTS } from "../../scripts/more-tests.ts";
import { testForecast } from "../../scripts/test-forecast.ts";
import config from "../../vitest.config.ts";
import browser from "../browser/package.json" with { type: "json" };
import ormsLowest from "../orms/lowest/package.json" with { type: "json" };
import ormsNewest from "../orms/newest/package.json" with { type: "json" };
import site from "../../site/package.json" with { type: "json" };
import frameworks from "../frameworks/package.json" with { type: "json" };
import runtimes from "../runtimes/package.json" with { type: "json" };

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

test("JSR gets the same entries from their sources, but for what only a project with a node_modules runs", () => {
  // `npm run api` writes them.
  expect(jsr.exports).toEqual(jsrExports());
  expect([jsr.version, jsr.license]).toEqual([manifest.version, manifest.license]);
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

/** What each command of a folder of its own installs, beside the root. */
const BESIDE = {
  "bench/": bench,
  "site/": site,
  "test/browser/": browser,
  "test/frameworks/": frameworks,
  "test/orms/lowest/": ormsLowest,
  "test/orms/newest/": ormsNewest,
  "test/runtimes/": runtimes,
} as const;

test("the package says where it comes from, as its publication with provenance asks", () => {
  const home = "https://github.com/pqrun/pqrun-js";
  expect(manifest.repository).toEqual({ type: "git", url: `git+${home}.git` });
  expect([manifest.homepage, manifest.bugs]).toEqual([`${home}#readme`, `${home}/issues`]);
});

test("every development dependency is one exact version", () => {
  const all = [manifest, ...Object.values(BESIDE)].flatMap(({ devDependencies }) =>
    Object.entries(devDependencies),
  );
  expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});

test.for(["", ...Object.keys(BESIDE)])("the lockfile of ./%s names no registry", (folder) => {
  const resolved = Object.entries(lockedIn(folder)).filter(([, { resolved }]) => resolved !== undefined);
  expect(resolved).toEqual([]);
});

test("npm ci leaves out what one command alone needs: other runtimes, a browser's driver, and the benchmark's peers", () => {
  const alone = Object.values(BESIDE)
    .flatMap(({ devDependencies }) => Object.keys(devDependencies))
    .filter((name) => !Object.hasOwn(manifest.devDependencies, name));
  expect(alone).toEqual(
    expect.arrayContaining([
      "bullmq",
      "graphile-worker",
      "pg-boss",
      "bun",
      "deno",
      "miniflare",
      "wrangler",
      "playwright-core",
      "drizzle-orm",
      "prisma",
    ]),
  );
  const installed = Object.keys(lockedIn("")).map((path) => path.replace(/^.*node_modules\//, ""));
  expect(installed.filter((name) => [...alone, "workerd"].includes(name))).toEqual([]);
});

test("npm test begins with what it will do, and for about how long", () => {
  expect(manifest.scripts.test).toBe("node scripts/test.ts");
  const { include = [], exclude = [] } = config.test ?? {};
  const line = testForecast({ root, include, exclude }, undefined);
  // What a file's name in that list no longer finds would run nowhere.
  expect(MORE_TESTS.filter((files) => globSync(files, { cwd: root }).length === 0)).toEqual([]);
  expect(line).toMatch(/^\d{3} files of tests on a real PostgreSQL \(.+\): about \d+ minutes/);
});

function lockedIn(folder: string): Readonly<Record<string, { readonly resolved?: string }>> {
  const { packages } = JSON.parse(readFileSync(`${root}${folder}package-lock.json`, "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly resolved?: string }>>;
  };
  return packages;
}
