// npm run test:orms [-- lowest|newest] [filters of vitest]: each ORM's own transactions, with the oldest releases that pqrun
// is tested with and with the newest. The first run installs them, into test/orms.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { installBeside } from "./install-beside.ts";
import { RELEASES, type Release } from "./orms.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const shell = process.platform === "win32";

const given = process.argv.slice(2);
const named = RELEASES.filter((release) => given.includes(release));
const filters = given.filter((argument) => RELEASES.every((release) => argument !== release));

for (const release of named.length > 0 ? named : RELEASES) {
  install(release);
  const { status } = spawnSync("vitest", ["run", "--config", "vitest.orms.config.ts", ...filters], {
    cwd: root,
    stdio: "inherit",
    shell,
    env: { ...process.env, PQRUN_ORMS: release },
  });
  process.exitCode = status === 0 ? process.exitCode : (status ?? 1);
}

function install(release: Release): void {
  const folder = `test/orms/${release}`;
  // Their install scripts fetch engines that a driver's adapter does without.
  installBeside(folder, ["--ignore-scripts"]);
  if (existsSync(`${root}${folder}/generated`)) return;
  execFileSync("npx", ["prisma", "generate", "--schema", "schema.prisma"], {
    cwd: root + folder,
    stdio: ["ignore", "ignore", "inherit"],
    shell,
    // Its command looks for an engine that changes schemas, and would fetch it; what generates a client calls none.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: "1" },
  });
}
