// npm run test:runtimes [-- filters of vitest]: the conformance suite in every runtime, against the installed package.
// The first run installs the runtimes, into test/runtimes. A whole run puts its matrix into the README; with --check it
// fails where the README shows another.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { installBeside } from "./install-beside.ts";
import { installBuilt, PROJECT } from "./install-built.ts";
import { matrixOf, rowTimes, type Report } from "./runtimes-matrix.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const results = `${PROJECT}results.json`;
const README = `${root}README.md`;
const MARKS = ["<!-- matrix -->\n", "<!-- /matrix -->"] as const;

const filters = process.argv.slice(2).filter((argument) => argument !== "--check");
const check = process.argv.includes("--check");

installBeside("test/runtimes");
console.log("building and installing pqrun");
installBuilt();
const { status } = spawnSync(
  "vitest",
  [
    ...["run", "--config", "vitest.runtimes.config.ts"],
    ...["--reporter=default", "--reporter=json", `--outputFile.json=${results}`],
    ...filters,
  ],
  { cwd: root, stdio: "inherit", shell: process.platform === "win32" },
);
process.exitCode = status ?? 1;
if (existsSync(results)) {
  const report = JSON.parse(readFileSync(results, "utf8")) as Report;
  const matrix = matrixOf(report);
  console.log(`\n${matrix}\n\n${rowTimes(report)}`);
  if (filters.length === 0) show(matrix);
}

function show(matrix: string): void {
  const readme = readFileSync(README, "utf8");
  const [begin, end] = [readme.indexOf(MARKS[0]) + MARKS[0].length, readme.indexOf(MARKS[1])];
  if (begin < MARKS[0].length || end < begin) throw new Error(`README.md lacks ${MARKS.join("… ")}`);
  const updated = `${readme.slice(0, begin)}\n${matrix}\n\n${readme.slice(end)}`;
  if (updated === readme) return;
  if (check) {
    console.error("README.md shows another matrix: run npm run test:runtimes, and commit what it writes");
    process.exitCode = 1;
  } else {
    writeFileSync(README, updated);
    console.log("README.md shows it now");
  }
}
