import { describe, expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { EventLog } from "../support/event-log.ts";
import { insertJobs, jobRow, jobsByStatus } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

/** As a reap leaves a job whose worker has died with it twice. */
const LOST_TWICE = { attempts: "2", last_error: "'lease lost: w neither settled nor extended it'" };

type Handler = (ctx: { readonly job: { readonly id: string } }) => Promise<void>;

/** A handler that notes which jobs it ran beside. */
function noting(): { readonly handler: Handler; readonly beside: Map<string, ReadonlySet<string>> } {
  const running = new Map<string, Set<string>>();
  const beside = new Map<string, ReadonlySet<string>>();
  const handler: Handler = async ({ job }) => {
    const others = new Set(running.keys());
    for (const seen of running.values()) seen.add(job.id);
    running.set(job.id, others);
    // Long enough for whatever might start beside it.
    await new Promise((resolve) => setTimeout(resolve, 20));
    running.delete(job.id);
    beside.set(job.id, others);
  };
  return { handler, beside };
}

describe.each(["worker", "drain"] as const)("a %s", (runner) => {
  /** Runs all that is due. */
  async function runAll(handler: Handler, count: number): Promise<void> {
    const log = new EventLog();
    const options = { store: pooledStore(queue), handlers: { a: handler }, onEvent: log.onEvent };
    if (runner === "drain") {
      await drainOnce({ ...options, concurrency: 4, batchSize: 20, budgetMs: 20_000 });
    } else {
      await using worker = new Worker({ ...options, concurrency: 4, env: {} }).start();
      await log.until("done", count);
      await worker.stop();
    }
  }

  test("runs nothing beside a job that was lost with its workers twice", async () => {
    await insertJobs(queue, 6);
    const suspects = [await queue.insert(LOST_TWICE), await queue.insert(LOST_TWICE)];
    await insertJobs(queue, 6);
    const { handler, beside } = noting();
    await runAll(handler, 14);
    expect(await jobsByStatus(queue)).toEqual({ DONE: 14 });
    for (const id of suspects) expect([...(beside.get(id) ?? ["never ran"])]).toEqual([]);
    const others = [...beside].filter(([id]) => !suspects.includes(id));
    // The others have company: it is the suspects that are kept apart.
    expect(others.some(([, seen]) => seen.size > 0)).toBe(true);
  });

  test("takes a job that has one attempt into a slot, never into its buffer", async () => {
    const ids = new Set<string>();
    for (let n = 0; n < 12; n += 1) ids.add(await queue.insert({ max_attempts: "1" }));
    let most = 0;
    await runAll(async () => {
      const [row] = await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE status = 'RUNNING'");
      most = Math.max(most, Number(row?.["n"]));
    }, 12);
    // Those in the four slots, and at most as many that have ended and are being settled.
    expect(most).toBeLessThanOrEqual(8);
    for (const id of ids) expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1 });
  });
});
