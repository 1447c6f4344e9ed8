import { goalsTable } from "./goals.ts";
import type { Machine } from "./machine.ts";
import type { ScenarioResult } from "./measure.ts";
import { Results } from "./results.ts";
import { table } from "./table.ts";

/** All that a run of the benchmark knows. */
export interface Report {
  readonly startedAt: Date;
  readonly machine: Machine;
  /** The server's version, and what of its settings is not PostgreSQL's own default. */
  readonly postgres: { readonly version: string; readonly settings: Readonly<Record<string, string>> };
  /** How each system is set up. */
  readonly setUp: Readonly<Record<string, string>>;
  readonly repetitions: number;
  readonly scale: number;
  readonly results: readonly ScenarioResult[];
}

/** The report as JSON: every sample, so that other figures can be had from it. */
export function toJson({ results, ...told }: Report): string {
  const scenarios = results.map(({ scenario, lanes, seconds }) => ({
    id: scenario.id,
    rows: scenario.rows,
    seconds: Math.round(seconds),
    lanes: lanes.map(({ lane, samples }) => ({ ...lane, samples })),
  }));
  return JSON.stringify({ ...told, scenarios });
}

/** The report as Markdown. */
export function markdown(report: Report): string {
  return [
    "# Benchmark",
    conditions(report),
    table(report.results),
    "## Goals",
    goalsTable(new Results(report.results)),
    "## Set-up",
    setUp(report),
    "",
  ].join("\n\n");
}

function conditions({ startedAt, machine, postgres, repetitions, scale }: Report): string {
  const { cores, processor, memoryGib, node, versions } = machine;
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const reduced = scale === 1 ? "" : ` **Job counts are ${scale} of those named: a trial, not a result.**`;
  return [
    `${startedAt.toISOString().slice(0, 10)}; ${cores} cores (${processor}), ${memoryGib} GiB, which PostgreSQL`,
    `${postgres.version} shares with the workers; Node ${node}; ${packages.join(", ")}.`,
    `Medians of ${repetitions} repetitions (some of fewer, see results.json), in brackets the range; bold, pqrun's`,
    "figure to the peer's in the same repetition. Each run has a process and a fresh copy of a database to itself,",
    "the systems take turns, in reversed order every other time, and each figure counts only jobs that the table",
    `holds as done, or no longer holds, afterwards.${reduced}`,
  ].join("\n");
}

function setUp({ setUp, postgres }: Report): string {
  const settings = Object.entries(postgres.settings).map(([name, value]) => `${name} = ${value}`);
  return [
    ...Object.entries(setUp).map(([name, settings]) => `- ${name}: ${settings}`),
    `- PostgreSQL, for all: ${settings.join(", ")}`,
    "- A rate leaves out the first jobs of each process (20,000 of 120,000), in which it warms up. Where a peer is",
    "  too slow for all jobs, its cell says how many it got. graphile-worker deletes what is done; beside",
    "  1,000,000 finished jobs it has as many that failed for good. BullMQ took more than four minutes for 3,000 of",
    "  1,000,000 due jobs, and is left out there.",
  ].join("\n");
}
