// npm test [-- what vitest takes]: says what it is about to do and how long that takes, then vitest. A file that is named
// runs, whichever command has it otherwise.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import config from "../vitest.config.ts";
import { MORE_TESTS } from "./more-tests.ts";
import { testForecast } from "./test-forecast.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const given = process.argv.slice(2);
// Anything but options narrows the run down.
const whole = given.every((argument) => argument.startsWith("-"));
if (whole) {
  const { include = [], exclude = [] } = config.test ?? {};
  console.log(
    testForecast({ root, include, exclude: [...exclude, ...MORE_TESTS] }, process.env["DATABASE_URL"]),
  );
}
const left = whole ? MORE_TESTS.flatMap((files) => ["--exclude", files]) : [];
const { status } = spawnSync("vitest", ["run", ...given, ...left], {
  cwd: root,
  stdio: "inherit",
  shell: process.platform === "win32",
});
process.exitCode = status ?? 1;
