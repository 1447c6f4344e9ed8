import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

const SCRIPT = fileURLToPath(new URL("../support/ticking-process.ts", import.meta.url));

test.for(["ticked", "ticking"])(
  "of a process that is killed when it has %s, each tick is run once by the next",
  async (at) => {
    await queue.rows(`INSERT INTO jobs_schedules (name, job_type, cron, next_tick)
    SELECT 's' || n, 'a', '@yearly', now() - interval '1 s' FROM generate_series(1, 50) n`);
    const child = spawn(process.execPath, [SCRIPT], {
      env: { ...process.env, QUEUE_URL: queue.url, KILL_AT: at },
      stdio: "inherit",
    });
    const [, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    expect(signal).toBe("SIGKILL");
    const ran: unknown[] = [];
    const drain = (): Promise<unknown> =>
      drainOnce({
        store: queue.store,
        handlers: {
          a: ({ job }) => {
            ran.push(job.dedupeKey);
          },
        },
        budgetMs: 30_000,
      });
    // The server may still be at work on the statement of the dead: its rows are locked until it ends.
    await expect.poll(async () => (await drain(), ran.length)).toBe(50);
    expect(new Set(ran).size).toBe(50);
    expect(await queue.rows("SELECT count(*)::int AS n FROM jobs")).toEqual([{ n: 50 }]);
  },
);
