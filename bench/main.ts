// npm run bench [-- --only drain-100,enqueue-10 --repetitions 5 --systems pqrun,graphile --scale 1 --out DIR --quick]:
// pqrun, from its built package, beside its peers on one PostgreSQL.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Databases } from "./databases.ts";
import { measure, type ScenarioResult } from "./measure.ts";
import { readOptions } from "./options.ts";
import { markdown, toJson } from "./report.ts";
import { SCENARIOS } from "./scenarios/all.ts";
import { startServer } from "./server.ts";

const options = readOptions(process.argv.slice(2), SCENARIOS);
const startedAt = new Date();
const server = await startServer();
const context = { server, databases: new Databases(server), scale: options.scale, quick: options.quick };
const say = (line: string): void => {
  const seconds = Math.round((Date.now() - startedAt.getTime()) / 1_000);
  console.error(`[${String(Math.floor(seconds / 60))}:${String(seconds % 60).padStart(2, "0")}] ${line}`);
};

try {
  const results: ScenarioResult[] = [];
  for (const scenario of options.scenarios) {
    const lanes = scenario.lanes.filter(({ system }) => options.systems.includes(system));
    if (lanes.length === 0) continue;
    const repetitions = Math.min(options.repetitions, scenario.repetitions ?? Infinity);
    const result = await measure(scenario, lanes, repetitions, context, say);
    results.push(result);
    await context.databases.dropFilled();
    say(`${scenario.id} took ${result.seconds.toFixed(0)} s`);
  }
  const report = { startedAt, server: server.version, options, results };
  const text = markdown(report);
  if (options.out !== undefined) {
    mkdirSync(options.out, { recursive: true });
    writeFileSync(join(options.out, "results.json"), toJson(report));
    writeFileSync(join(options.out, "table.md"), text);
  }
  console.log(text);
} finally {
  await server.stop();
}
