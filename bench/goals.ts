import { figure, ratioFigure, spreadText } from "./figures.ts";
import type { Results } from "./results.ts";
import { spread } from "./statistics.ts";

/** What the project wants of a scenario. */
export interface Goal {
  readonly title: string;
  readonly wanted: string;
  /** What counts, a value for each repetition; undefined where it was not measured. */
  readonly values: readonly number[] | undefined;
  readonly least?: number;
  readonly most?: number;
  readonly unit?: "ratio";
}

/** Whether the median is as wanted. */
export function met({ values, least = -Infinity, most = Infinity }: Goal): boolean | undefined {
  if (values === undefined) return undefined;
  const { median } = spread(values);
  return median >= least && median <= most;
}

const GRAPHILE = "graphile-worker";

/** A ratio of pqrun's to another lane's that must be reached, or not be passed. */
function ratioGoal(
  results: Results,
  title: string,
  [id, theirs, metric = "rate"]: readonly [id: string, theirs: string, metric?: string],
  bound: { readonly least: number } | { readonly most: number },
  ours = "pqrun",
): Goal {
  const wanted = "least" in bound ? `at least ${bound.least}× ${theirs}` : `at most ${bound.most}× ${theirs}`;
  return { title, wanted, values: results.ratio(id, ours, theirs, metric), ...bound, unit: "ratio" };
}

/** The goals that a benchmark can show. */
export function goals(results: Results): readonly Goal[] {
  const ratio = ratioGoal.bind(undefined, results);
  const latency = ["latency", GRAPHILE, "p50"] as const;
  return [
    ratio("enqueue, 1 in flight", ["enqueue-1", GRAPHILE], { least: 2 }),
    ratio("enqueue, 10 in flight", ["enqueue-10", GRAPHILE], { least: 10 }),
    ratio("bulk enqueue", ["bulk", GRAPHILE], { least: 1.8 }),
    ratio("drain 100,000, 100 slots", ["drain-100", GRAPHILE], { least: 1.5 }),
    ratio("drain 100,000, 100 slots", ["drain-100", "pg-boss"], { least: 1.8 }),
    ratio("– aim, with buffers above 1,000", ["drain-100", GRAPHILE], { least: 2 }),
    ratio("idle latency p50", latency, { most: 0.8 }),
    ratio("– with fastPickup", latency, { most: 0.65 }, "pqrun, fastPickup"),
    ratio("– within one process", latency, { most: 0.3 }, "pqrun, within one process"),
    ratio("1,000,000 READY of another type", ["drain-other", GRAPHILE], { least: 12 }),
    ...(["finished", "future", "ready"] as const).map((kind) =>
      ratio(`1,000,000 ${kind}`, [`drain-${kind}`, "pqrun, empty table"], { least: 0.9 }),
    ),
    {
      title: "held snapshot, 500,000 jobs",
      wanted: "last fifth at least 0.9× the first",
      values: results.values("held", "pqrun", "lastToFirst"),
      least: 0.9,
      unit: "ratio",
    },
    ratio("16 writers beside a busy worker", ["writers", "pqrun, no wake-ups"], { least: 0.8 }),
    ratio("– aim", ["writers", "pqrun, no wake-ups"], { least: 0.9 }),
    ...[10, 40].map((ms) => ({
      title: `round trips over HTTP, ${ms} ms`,
      wanted: "at most one per batch and two",
      values: results.ratioOf(`http-${ms}`, "pqrun", "statements", "allowed"),
      most: 1,
      unit: "ratio" as const,
    })),
    {
      title: "statements of an empty drain",
      wanted: "1",
      values: results.values("http-10", "pqrun", "empty"),
      most: 1,
    },
    ratio("memory after 200,000 jobs", ["memory", GRAPHILE, "rss"], { most: 0.5 }),
    {
      title: "idle, statements per hour",
      wanted: "at most one a minute",
      values: results.values("idle", "pqrun", "statements"),
      most: 60,
    },
    {
      title: "– with safetyPollSeconds: Infinity",
      wanted: "none",
      values: results.values("idle", "pqrun, safetyPollSeconds: Infinity", "statements"),
      most: 0,
    },
  ];
}

/** The goals as a table in Markdown; those that were not measured are left out. */
export function goalsTable(results: Results): string {
  const lines = goals(results).flatMap((goal) => {
    const { title, wanted, values, unit } = goal;
    if (values === undefined) return [];
    const text = spreadText(values, unit === "ratio" ? ratioFigure : figure);
    return [`| ${title} | ${wanted} | ${text} | ${verdict(goal)} |`];
  });
  return ["| Goal | wanted | measured | |", "| - | - | - | - |", ...lines].join("\n");
}

/** Met or not, and how far the median is from the bound. */
function verdict(goal: Goal): string {
  const { values = [], least, most } = goal;
  const { median } = spread(values);
  const bound = least ?? most ?? NaN;
  const percent = Math.round(Math.abs(median / bound - 1) * 100);
  const side = median >= bound ? "above" : "below";
  const far = Number.isFinite(percent) && percent > 0 ? `, ${percent} % ${side}` : "";
  return `${met(goal) === true ? "met" : "**not met**"}${far}`;
}
