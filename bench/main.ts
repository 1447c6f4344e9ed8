// node bench/run.ts [--only drain-100,enqueue-10 --repetitions 5 --systems pqrun,graphile --postgres 18 --scale 1 --out DIR --quick]:
// pqrun, from its built package, beside its peers on one PostgreSQL.
import { Databases } from "./databases.ts";
import { thisMachine } from "./machine.ts";
import { measure, type ScenarioResult } from "./measure.ts";
import { readOptions, type BenchOptions } from "./options.ts";
import { markdown } from "./report.ts";
import { allScenarios } from "./scenarios/all.ts";
import type { Lane, Scenario } from "./scenarios/scenario.ts";
import { SERVER_SETTINGS, startServer, type BenchServer } from "./server.ts";
import { systemByName } from "./systems/by-name.ts";
import { writeReport } from "./write-report.ts";

const startedAt = new Date();
const options = readOptions(process.argv.slice(2), allScenarios());
const server = await startServer(options.postgres);
// So that neither the server nor its folder outlives an impatient user.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void server.stop().finally(() => process.exit(1)));
}
try {
  const told = {
    startedAt,
    machine: thisMachine(),
    postgres: { version: server.version, settings: SERVER_SETTINGS },
    setUp: await setUpOf(options),
    repetitions: options.repetitions,
    scale: options.scale,
  };
  // Written as it grows: what is broken off leaves what it has.
  const results = await measureAll(options, server, async (soFar) => {
    if (options.out !== undefined) await writeReport(options.out, { ...told, results: soFar });
  });
  console.log(markdown({ ...told, results }));
} finally {
  await server.stop();
}

async function measureAll(
  { scenarios, systems, repetitions, scale, quick }: BenchOptions,
  server: BenchServer,
  onResult: (soFar: readonly ScenarioResult[]) => Promise<void>,
): Promise<readonly ScenarioResult[]> {
  const context = { server, databases: new Databases(server), scale, quick };
  const results: ScenarioResult[] = [];
  for (const scenario of scenarios) {
    const lanes = lanesOf(scenario).filter(({ system }) => systems.includes(system));
    if (lanes.length === 0) continue;
    const times = Math.min(repetitions, scenario.repetitions ?? Infinity);
    const result = await measure(scenario, lanes, times, context, say);
    results.push(result);
    await onResult(results);
    await context.databases.dropFilled();
    say(`${scenario.id} took ${result.seconds.toFixed(0)} s`);
  }
  return results;
}

function lanesOf({ lanes, quickPeers = false }: Scenario): readonly Lane[] {
  return options.quick && !quickPeers ? lanes.filter(({ system }) => system === "pqrun") : lanes;
}

async function setUpOf({ systems }: BenchOptions): Promise<Readonly<Record<string, string>>> {
  const loaded = await Promise.all(systems.map(systemByName));
  return Object.fromEntries(loaded.map(({ name, settings }) => [name, settings]));
}

/** Progress, apart from the report. */
function say(line: string): void {
  const seconds = Math.round((Date.now() - startedAt.getTime()) / 1_000);
  console.error(`[${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}] ${line}`);
}
