import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { format, resolveConfig } from "prettier";

import { charts } from "./charts.ts";
import { markdown, toJson, type Report } from "./report.ts";
import { Results } from "./results.ts";
import { withSummary } from "./summary.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/**
 * Writes results.json, table.md and the charts, laid out as the repository's own files are; into docs/benchmark, the
 * README's table too.
 */
export async function writeReport(folder: string, report: Report): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const texts = new Map([
    ["results.json", toJson(report)],
    ["table.md", markdown(report)],
  ]);
  for (const [name, text] of texts) {
    const filepath = join(folder, name);
    writeFileSync(filepath, await format(text, { ...(await resolveConfig(filepath)), filepath }));
  }
  if (relative(root, folder) === join("docs", "benchmark") && report.scale === 1) {
    const filepath = join(root, "README.md");
    const readme = withSummary(readFileSync(filepath, "utf8"), report);
    writeFileSync(filepath, await format(readme, { ...(await resolveConfig(filepath)), filepath }));
  }
  for (const [name, svg] of charts(new Results(report.results))) writeFileSync(join(folder, name), svg);
}
