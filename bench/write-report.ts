import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { format, resolveConfig } from "prettier";

import { charts } from "./charts.ts";
import { markdown, toJson, type Report } from "./report.ts";
import { Results } from "./results.ts";

/** Writes results.json, table.md and the charts, laid out as the repository's own files are. */
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
  for (const [name, svg] of charts(new Results(report.results))) writeFileSync(join(folder, name), svg);
}
