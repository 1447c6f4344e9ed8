import type { Background } from "../systems/system.ts";
import { drainInto } from "./drain.ts";
import { scaled, type Context, type Lane, type Sample, type Scenario } from "./scenario.ts";

const MILLION = 1_000_000;

const TITLES: Readonly<Record<Background, string>> = {
  finished: "drain beside 1,000,000 finished, jobs/s",
  future: "drain beside 1,000,000 planned, jobs/s",
  ready: "drain with 1,000,000 due of its type, jobs/s",
  other: "drain beside 1,000,000 due of another type, jobs/s",
};

const EMPTY = "empty";

function lanes(graphileJobs: number): readonly Lane[] {
  return [
    { label: "pqrun", system: "pqrun" },
    { label: "graphile-worker", system: "graphile", jobs: graphileJobs },
    { label: "pg-boss", system: "pg-boss", jobs: 40_000 },
    { label: "BullMQ", system: "bullmq", jobs: 3_000 },
  ];
}

function drainBeside(
  id: string,
  lane: Lane,
  kind: Background,
  rows: number,
  context: Context,
): Promise<Sample> {
  const shape = { slots: 100, jobs: scaled(lane.jobs ?? 100_000, context) };
  const background = { kind, rows: scaled(rows, context) };
  const full = lane.variant === EMPTY ? shape : { ...shape, background };
  return drainInto(`${id}, ${lane.label}`, lane, full, context).then(({ rate }) => ({ values: { rate } }));
}

function backgroundScenario(kind: Background): Scenario {
  const id = `drain-${kind}`;
  const ours: Lane = { label: "pqrun, empty table", system: "pqrun", variant: EMPTY };
  return {
    id,
    rows: [{ metric: "rate", title: TITLES[kind], better: "higher" }],
    // BullMQ took more than four minutes for 3,000 jobs with a million waiting.
    lanes: [
      ...lanes(kind === "other" ? 10_000 : 40_000).filter(
        (lane) => kind !== "ready" || lane.label !== "BullMQ",
      ),
      ours,
    ],
    run: (lane, context) => drainBeside(id, lane, kind, MILLION, context),
  };
}

/** Drains with a million rows in the way. */
export const backgroundScenarios: readonly Scenario[] = (
  ["finished", "future", "ready", "other"] as const
).map(backgroundScenario);

/** Smaller tables than those above, for the chart. */
export const TABLE_SIZES = [1_000, 10_000, 100_000] as const;

/** Drains beside fewer finished rows. */
export const sizeScenarios: readonly Scenario[] = TABLE_SIZES.map((rows) => ({
  id: `size-${rows}`,
  rows: [
    { metric: "rate", title: `drain beside ${rows.toLocaleString("en")} finished, jobs/s`, better: "higher" },
  ],
  lanes: lanes(40_000),
  repetitions: 3,
  run: (lane, context) => drainBeside(`size-${rows}`, lane, "finished", rows, context),
}));
