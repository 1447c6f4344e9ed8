import { checkDurable, countTable } from "../durable.ts";
import { runChild } from "../run-child.ts";
import { queryOnce, type BenchServer } from "../server.ts";
import { drainInto, warmUpOf } from "./drain.ts";
import { trackStatements } from "./statements.ts";
import { allSystems, scaled, type Context, type Lane, type Sample, type Scenario } from "./scenario.ts";

const SLOTS = 100;

async function memoryRun(lane: Lane, context: Context): Promise<Sample> {
  const jobs = scaled(lane.jobs ?? 180_000, context);
  const { answer } = await drainInto(`memory, ${lane.label}`, lane, { slots: SLOTS, jobs }, context);
  const { maxRssBytes = NaN, heapBytes = NaN, cpuUs = NaN } = answer;
  const total = jobs + warmUpOf(jobs);
  return { values: { rss: maxRssBytes / 2 ** 20, heap: heapBytes / 2 ** 20, cpu: cpuUs / total } };
}

/** What a worker's process takes for 200,000 jobs. */
export const memory: Scenario = {
  id: "memory",
  rows: [
    { metric: "rss", title: "memory of a worker after 200,000 jobs, most, MiB", better: "lower" },
    { metric: "heap", title: "– heap at the end, MiB", better: "lower" },
    { metric: "cpu", title: "– its CPU per job, start included, µs", better: "lower" },
  ],
  lanes: allSystems(5_000),
  run: memoryRun,
};

/** Rows that were never on disk before, so that no full-page images are counted. */
async function costRun({ label, system, jobs: own }: Lane, context: Context): Promise<Sample> {
  const jobs = scaled(own ?? 40_000, context);
  return context.databases.withCopy({ system }, async (url) => {
    const before = await countTable(system, url);
    const counted = await trackStatements(url, context.server);
    const start = [await written(context.server), await counted()] as const;
    await runChild({ kind: "fill", system, url, jobs });
    const filled = [await written(context.server), await counted()] as const;
    const answer = await runChild({ kind: "drain", system, url, slots: SLOTS, jobs });
    const drained = [await written(context.server), await counted()] as const;
    const after = await countTable(system, url);
    checkDurable(`cost, ${label}`, before, after, { enqueued: jobs, completed: answer.jobs });
    return {
      values: {
        enqueueWal: (filled[0] - start[0]) / jobs,
        drainWal: (drained[0] - filled[0]) / jobs,
        drainStatements: ((drained[1] - filled[1]) * 1_000) / jobs,
      },
    };
  });
}

async function written(server: BenchServer): Promise<number> {
  const [row] = await queryOnce(server.url, "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS bytes");
  return Number(row?.["bytes"]);
}

/** What a job costs the database. */
export const cost: Scenario = {
  id: "cost",
  rows: [
    { metric: "enqueueWal", title: "WAL per job, bulk enqueue, bytes", better: "lower" },
    { metric: "drainWal", title: "WAL per job, drain, bytes", better: "lower" },
    { metric: "drainStatements", title: "statements per 1,000 jobs, drain", better: "lower" },
  ],
  lanes: allSystems(2_000),
  run: costRun,
};
