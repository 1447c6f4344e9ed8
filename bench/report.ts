import type { LaneResult, ScenarioResult } from "./measure.ts";
import type { BenchOptions } from "./options.ts";
import type { Row } from "./scenarios/scenario.ts";
import { ratios, spread } from "./statistics.ts";

/** All that a run of the benchmark knows. */
export interface Report {
  readonly startedAt: Date;
  /** The server's version. */
  readonly server: string;
  readonly options: BenchOptions;
  readonly results: readonly ScenarioResult[];
}

/** The report as JSON: every sample, so that other figures can be had from it. */
export function toJson({ startedAt, server, options, results }: Report): string {
  const { repetitions, scale, quick } = options;
  const scenarios = results.map(({ scenario, lanes, seconds }) => ({
    id: scenario.id,
    rows: scenario.rows,
    seconds,
    lanes: lanes.map(({ lane, samples }) => ({ ...lane, samples })),
  }));
  return `${JSON.stringify({ startedAt, postgres: server, repetitions, scale, quick, scenarios }, null, 1)}\n`;
}

/** The report as Markdown. */
export function markdown({ results }: Report): string {
  const lines = results.flatMap(({ scenario, lanes }) =>
    scenario.rows.flatMap((row) => rowLines(row, lanes)),
  );
  return ["| | | median (range) | pqrun's to it, same repetition |", "| - | - | - | - |", ...lines, ""].join(
    "\n",
  );
}

function rowLines(row: Row, lanes: readonly LaneResult[]): readonly string[] {
  const ours = lanes.find(({ lane }) => lane.system === "pqrun");
  return lanes.map((theirs) => {
    const values = valuesOf(theirs, row);
    const ratio = ours === undefined || theirs === ours ? "" : ratioText(valuesOf(ours, row), values);
    return `| ${row.title} | ${theirs.label} | ${spreadText(values, figure)} | ${ratio} |`;
  });
}

function valuesOf({ samples }: LaneResult, { metric }: Row): readonly number[] {
  return samples.map(({ values }) => values[metric] ?? NaN);
}

function ratioText(ours: readonly number[], theirs: readonly number[]): string {
  return spreadText(ratios(ours, theirs), (value) => `${value.toFixed(2)}×`);
}

function spreadText(values: readonly number[], text: (value: number) => string): string {
  const { median, min, max } = spread(values);
  return values.length === 1 ? text(median) : `${text(median)} (${text(min)}–${text(max)})`;
}

/** A number as a person reads it: three or more significant digits, thousands apart. */
export function figure(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
