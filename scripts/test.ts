// npm test [-- what vitest takes]: says what it is about to do and how long that takes, then vitest.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import config from "../vitest.config.ts";
import { testForecast } from "./test-forecast.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const given = process.argv.slice(2);
// Anything but options narrows the run down.
if (given.every((argument) => argument.startsWith("-"))) {
  const { include = [], exclude = [] } = config.test ?? {};
  console.log(testForecast({ root, include, exclude }, process.env["DATABASE_URL"]));
}
const { status } = spawnSync("vitest", ["run", ...given], {
  cwd: root,
  stdio: "inherit",
  shell: process.platform === "win32",
});
process.exitCode = status ?? 1;
