import { runChild, startChild } from "./run-child.ts";
import { serverCpuUs } from "./server-cpu.ts";
import { queryOnce, type BenchServer } from "./server.ts";
import { quantile } from "./statistics.ts";
import type { Answer } from "./tasks/task.ts";

/** Where one version of the package is built. */
export interface Build {
  readonly dist: string;
}

/** What one run gave, by name and unit. */
export type Figures = Readonly<Record<string, number>>;

/** One thing in which two versions are compared; `jobs` is a drain's size. */
interface Comparison {
  readonly name: string;
  readonly measure: (server: BenchServer, build: Build, jobs: number) => Promise<Figures>;
}

const LATENCY_JOBS = 110;
/** The first of them, which meet cold code and unplanned statements. */
const WARM_UP = 10;

/** A drain with 100 slots, bulk enqueues of a thousand, and single jobs for an idle worker. */
export const COMPARISONS: readonly Comparison[] = [
  {
    name: "drain",
    measure: (server, build, jobs) =>
      inDatabase(server, build, async (url) => {
        await runChild({ kind: "fill", system: "pqrun", url, jobs }, build);
        await queryOnce(url, "VACUUM (ANALYZE)");
        await queryOnce(url, "CHECKPOINT");
        return perJob(url, () => runChild({ kind: "drain", system: "pqrun", url, slots: 100, jobs }, build));
      }),
  },
  {
    name: "bulk",
    measure: (server, build, jobs) =>
      inDatabase(server, build, (url) =>
        perJob(url, () => runChild({ kind: "fill", system: "pqrun", url, jobs: jobs * 2 }, build)),
      ),
  },
  {
    name: "latency",
    measure: (server, build) =>
      inDatabase(server, build, async (url) => {
        let p50 = NaN;
        const figures = await perJob(url, async () => {
          const jobs = LATENCY_JOBS;
          const worker = startChild(
            { kind: "drain", system: "pqrun", url, slots: 10, jobs, forLatency: true },
            build,
          );
          await worker.begun;
          const producer = await runChild({ kind: "produce", system: "pqrun", url, jobs }, build);
          const answer = await worker.answer;
          p50 = medianLatency(answer, producer);
          return answer;
        });
        return { "p50, ms": p50, ...figures };
      }),
  },
];

async function inDatabase(
  server: BenchServer,
  build: Build,
  use: (url: string) => Promise<Figures>,
): Promise<Figures> {
  await queryOnce(server.url, "CREATE DATABASE compared");
  const url = server.database("compared");
  try {
    await runChild({ kind: "migrate", system: "pqrun", url }, build);
    return await use(url);
  } finally {
    await queryOnce(server.url, "DROP DATABASE compared WITH (FORCE)");
  }
}

async function perJob(url: string, run: () => Promise<Answer>): Promise<Figures> {
  const before = await serverCpuUs(url);
  const { jobs, startedMs, endedMs, cpuUs = NaN } = await run();
  const serverUs = (await serverCpuUs(url)) - before;
  return {
    "server's CPU, us a job": serverUs / jobs,
    "process's CPU, us a job": cpuUs / jobs,
    "jobs/s": (jobs * 1_000) / (endedMs - startedMs),
  };
}

function medianLatency(worker: Answer, producer: Answer): number {
  const began = new Map(producer.enqueued);
  const latencies = (worker.times ?? [])
    .filter(([index]) => index >= WARM_UP)
    .map(([index, atMs]) => atMs - (began.get(index) ?? NaN))
    .toSorted((a, b) => a - b);
  return quantile(latencies, 0.5);
}
