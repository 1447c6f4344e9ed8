import { checkDurable, countTable } from "../durable.ts";
import { runChild } from "../run-child.ts";
import { allSystems, scaled, type Context, type Lane, type Sample, type Scenario } from "./scenario.ts";

interface Shape {
  readonly inFlight: number;
  readonly jobsPerCall: number;
  /** Jobs of each system, by its place in {@link allSystems}. */
  readonly jobs: readonly [pqrun: number, graphile: number, pgBoss: number, bullmq: number];
}

function enqueueScenario(id: string, title: string, { inFlight, jobsPerCall, jobs }: Shape): Scenario {
  const run = async (lane: Lane, context: Context): Promise<Sample> => {
    const calls = scaled(lane.jobs ?? 0, context) / jobsPerCall;
    const warmUpCalls = Math.ceil(calls / 5);
    return context.databases.withCopy({ system: lane.system }, async (url) => {
      const before = await countTable(lane.system, url);
      const task = {
        kind: "enqueue",
        system: lane.system,
        url,
        inFlight,
        jobsPerCall,
        calls,
        warmUpCalls,
      } as const;
      const { jobs, startedMs, endedMs } = await runChild(task);
      checkDurable(`${id}, ${lane.label}`, before, await countTable(lane.system, url), { enqueued: jobs });
      return { values: { rate: (calls * jobsPerCall * 1_000) / (endedMs - startedMs) } };
    });
  };
  const lanes = allSystems().map((lane, index) => ({ ...lane, jobs: jobs[index] ?? 0 }));
  return {
    id,
    rows: [{ metric: "rate", title, better: "higher" }],
    lanes,
    quickPeers: inFlight === 10 || jobsPerCall > 1,
    run,
  };
}

/** Enqueueing one by one, with many calls in flight, and in bulk. */
export const enqueueScenarios: readonly Scenario[] = [
  enqueueScenario("enqueue-1", "enqueue, 1 in flight, jobs/s", {
    inFlight: 1,
    jobsPerCall: 1,
    jobs: [6_000, 3_000, 3_000, 3_000],
  }),
  enqueueScenario("enqueue-10", "enqueue, 10 in flight, jobs/s", {
    inFlight: 10,
    jobsPerCall: 1,
    jobs: [40_000, 4_000, 4_000, 5_000],
  }),
  enqueueScenario("enqueue-100", "enqueue, 100 in flight, jobs/s", {
    inFlight: 100,
    jobsPerCall: 1,
    jobs: [80_000, 4_000, 5_000, 5_000],
  }),
  enqueueScenario("bulk", "enqueue by 10,000, 1,000 a call, jobs/s", {
    inFlight: 1,
    jobsPerCall: 1_000,
    jobs: [50_000, 50_000, 50_000, 20_000],
  }),
];
