// npm run test:browser [-- --screenshots] [filters of vitest]: the dashboard in Chromium. The first run installs what
// drives it, into test/browser; the browser itself is Debian's, or that of CHROMIUM. With --screenshots the pictures in
// docs/dashboard are made anew.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { installBeside } from "./install-beside.ts";

const filters = process.argv.slice(2).filter((argument) => argument !== "--screenshots");

installBeside("test/browser");
const { status } = spawnSync("vitest", ["run", "--config", "vitest.browser.config.ts", ...filters], {
  cwd: fileURLToPath(new URL("../", import.meta.url)),
  stdio: "inherit",
  shell: process.platform === "win32",
  env: { ...process.env, ...(process.argv.includes("--screenshots") ? { SCREENSHOTS: "1" } : {}) },
});
process.exitCode = status ?? 1;
