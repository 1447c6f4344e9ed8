import { drawChart, type ChartLine } from "./chart.ts";
import type { LaneResult } from "./measure.ts";
import { valuesOf, type Results } from "./results.ts";
import { TABLE_SIZES } from "./scenarios/backgrounds.ts";
import { spread } from "./statistics.ts";

/** Mid-tones, apart from each other for most who see few colours. */
const COLOURS = {
  pqrun: "#2f81f7",
  "graphile-worker": "#d9822b",
  "pg-boss": "#3fa35b",
  BullMQ: "#c2569b",
} as const;
const SYSTEMS = ["pqrun", "graphile-worker", "pg-boss", "BullMQ"] as const;
const MILLION = 1_000_000;

/** The charts that the results suffice for, by the name of their file. */
export function charts(results: Results): ReadonlyMap<string, string> {
  const drawn = new Map<string, string>();
  const bySize = linesOf((label) => pointsBySize(results, label));
  if (bySize.length > 0) {
    const title = "Draining, beside finished jobs in the table";
    const axes = { xLabel: "rows in the table", yLabel: "jobs per second", logarithmic: true };
    drawn.set("table-size.svg", drawChart({ title, ...axes, lines: bySize }));
  }
  const held = linesOf((label) => pointsUnderSnapshot(results.lane("held", label)));
  if (held.length > 0) {
    const title = "Draining, while another transaction stays open";
    const axes = { xLabel: "seconds", yLabel: "jobs per second", logarithmic: false };
    drawn.set("held-snapshot.svg", drawChart({ title, ...axes, lines: held }));
  }
  return drawn;
}

function linesOf(pointsOf: (label: string) => ChartLine["points"]): readonly ChartLine[] {
  return SYSTEMS.map((label) => ({ label, colour: COLOURS[label], points: pointsOf(label) })).filter(
    ({ points }) => points.length > 1,
  );
}

function pointsBySize(results: Results, label: string): ChartLine["points"] {
  const lanes = [
    ...TABLE_SIZES.map((rows) => [rows, results.values(`size-${rows}`, label, "rate")] as const),
    [MILLION, results.values("drain-finished", label, "rate")] as const,
  ];
  return lanes.flatMap(([rows, values]) =>
    values === undefined ? [] : [[rows, spread(values).median] as const],
  );
}

/** Of the repetition whose rate is the median, or next above it. */
function pointsUnderSnapshot(lane: LaneResult | undefined): ChartLine["points"] {
  if (lane === undefined) return [];
  const { median } = spread(valuesOf(lane, "rate"));
  const middle = lane.samples
    .toSorted((a, b) => (a.values["rate"] ?? NaN) - (b.values["rate"] ?? NaN))
    .find(({ values }) => (values["rate"] ?? NaN) >= median);
  return middle?.series ?? [];
}
