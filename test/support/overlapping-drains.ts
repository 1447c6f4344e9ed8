import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { DrainReport } from "../../src/runners/drain/drain-options.ts";
import { pooledStore } from "./pooled-store.ts";
import { timed } from "./machine-time.ts";
import type { TestQueue } from "./queue.ts";

/** What some rounds of drains that run at once came to. */
export interface OverlapTally {
  rounds: number;
  /** Starts beyond the first of a job in its round. */
  duplicates: number;
  done: number;
  /** By how much a drain was late, at worst, in time that the machine gave. */
  overshootMs: number;
  /** Rounds in which each drain settled all that it had started. */
  clean: number;
  /** Rows that were RUNNING after the drains of such a round had returned. */
  leftRunning: number;
  /** Jobs that drains returned without having settled, as they said: the database did not answer in their budget. */
  unsettled: number;
  /** Rows that were RUNNING after all, and that no drain had told of. */
  untold: number;
}

/** Five drains at once, `rounds` times: some with time enough, some whose budget ends in the middle. */
export async function overlappingDrains(
  queue: TestQueue,
  { rounds, jobs, budgetMs, takesMs }: { rounds: number; jobs: number; budgetMs: number; takesMs: number },
): Promise<OverlapTally> {
  const stores = Array.from({ length: 5 }, () => pooledStore(queue, { max: 2 }));
  const tally = {
    rounds: 0,
    duplicates: 0,
    done: 0,
    overshootMs: 0,
    clean: 0,
    leftRunning: 0,
    unsettled: 0,
    untold: 0,
  };
  for (; tally.rounds < rounds; tally.rounds += 1) {
    await queue.rows("TRUNCATE jobs");
    await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, $1::int)", [jobs]);
    const started = new Set<string>();
    const a = async ({ job }: { readonly job: { readonly id: string } }): Promise<void> => {
      if (started.has(job.id)) tally.duplicates += 1;
      started.add(job.id);
      if (takesMs > 0) await new Promise((resolve) => setTimeout(resolve, takesMs));
    };
    const drain = async (store: (typeof stores)[number]): Promise<DrainReport> => {
      const { answer, tookMs } = await timed(queue, () => drainOnce({ store, handlers: { a }, budgetMs }));
      tally.overshootMs = Math.max(tally.overshootMs, tookMs - budgetMs);
      return answer;
    };
    const reports = await Promise.all(stores.map(drain));
    const sumOf = (what: "done" | "unsettled"): number =>
      reports.reduce((sum, report) => sum + report[what], 0);
    const unsettled = sumOf("unsettled");
    tally.done += sumOf("done");
    tally.unsettled += unsettled;
    const [left] = await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE status = 'RUNNING'");
    const running = Number(left?.["n"]);
    if (unsettled === 0) {
      tally.clean += 1;
      tally.leftRunning += running;
    }
    tally.untold += Math.max(0, running - unsettled);
  }
  return tally;
}
