import pg from "pg";

import { warmUpOf, drainInto } from "./drain.ts";
import { ratesOfParts } from "./rate.ts";
import { scaled, type Context, type Lane, type Sample, type Scenario } from "./scenario.ts";

const FIFTHS = 5;
/** Points of the chart. */
const POINTS = 25;

async function run(lane: Lane, context: Context): Promise<Sample> {
  const jobs = scaled(lane.jobs ?? 500_000, context);
  const { answer, rate } = await drainInto(`held, ${lane.label}`, lane, { slots: 100, jobs }, context, hold);
  const marks = (answer.marks ?? []).filter(([count]) => count >= warmUpOf(jobs));
  const fifths = ratesOfParts(FIFTHS, 0, marks);
  const [first = NaN, last = NaN] = [fifths.at(0), fifths.at(-1)];
  const startedMs = marks.at(0)?.[1] ?? 0;
  const points = Math.min(POINTS, marks.length - 1);
  const series = ratesOfParts(points, 0, marks).map((partRate, part) => {
    const end = marks.at(Math.round(((part + 1) * (marks.length - 1)) / points));
    return [((end?.[1] ?? 0) - startedMs) / 1_000, partRate] as const;
  });
  const values = Object.fromEntries(fifths.map((value, part) => [`fifth${part + 1}`, value]));
  return { values: { rate, ...values, lastToFirst: last / first }, series };
}

/** Holds a snapshot open in which all jobs still wait: no dead row can be removed. */
async function hold(url: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await client.query("SELECT txid_current()");
  return () => client.end();
}

/** A drain while somebody's transaction stays open. */
export const heldSnapshot: Scenario = {
  id: "held",
  rows: [
    { metric: "rate", title: "drain under a held snapshot, jobs/s", better: "higher" },
    { metric: "fifth1", title: "– first fifth", better: "higher" },
    { metric: "fifth5", title: "– last fifth", better: "higher" },
    { metric: "lastToFirst", title: "– last fifth to the first", better: "higher" },
  ],
  lanes: [
    { label: "pqrun", system: "pqrun" },
    { label: "graphile-worker", system: "graphile", jobs: 200_000 },
    { label: "pg-boss", system: "pg-boss", jobs: 200_000 },
    { label: "BullMQ", system: "bullmq", jobs: 5_000 },
  ],
  run,
};
