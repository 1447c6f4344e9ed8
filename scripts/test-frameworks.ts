// npm run test:frameworks [-- filters of vitest]: applications of other people's frameworks start, enqueue, run a job and
// stop. The first run installs the frameworks, into test/frameworks.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { installBeside } from "./install-beside.ts";

installBeside("test/frameworks");
const run = (command: string, args: readonly string[]): number =>
  spawnSync(command, args, {
    cwd: fileURLToPath(new URL("../", import.meta.url)),
    stdio: "inherit",
    shell: process.platform === "win32",
  }).status ?? 1;
const typed = run("tsc", ["-p", "test/frameworks"]);
const tested = run("vitest", ["run", "--config", "vitest.frameworks.config.ts", ...process.argv.slice(2)]);
process.exitCode = Math.max(typed, tested);
