import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Where {@link installBuilt} puts a user's project: pqrun from its tarball, the drivers from the folder above. */
export const PROJECT = `${root}.runtimes/`;

/** What such a project holds: the programs that run in each runtime, and the examples. */
const COPIED = { "test/runtimes/cells": "cells", examples: "examples" } as const;

/**
 * Builds and packs pqrun, and installs it as a user has it, so that what runs
 * there has seen `files`, `exports` and the bundler's output.
 */
export function installBuilt(): void {
  rmSync(PROJECT, { recursive: true, force: true });
  mkdirSync(`${PROJECT}node_modules/pqrun`, { recursive: true });
  run("npm", ["run", "--silent", "build", "--", "--silent"], root);
  run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", PROJECT], root);
  const tarball = `pqrun-${version()}.tgz`;
  run("tar", ["-xzf", tarball, "--strip-components=1", "-C", "node_modules/pqrun"], PROJECT);
  writeFileSync(`${PROJECT}package.json`, JSON.stringify({ private: true, type: "module" }));
  // Bun would find the tsconfig above, whose paths lead to the sources.
  writeFileSync(`${PROJECT}tsconfig.json`, "{}");
  for (const [from, to] of Object.entries(COPIED)) {
    cpSync(root + from, PROJECT + to, { recursive: true, filter: (path) => !path.includes("node_modules") });
  }
}

function version(): string {
  const manifest = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { readonly version: string };
  return manifest.version;
}

function run(command: string, args: readonly string[], cwd: string): void {
  execFileSync(command, args, {
    cwd,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
}
