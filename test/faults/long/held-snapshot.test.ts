import { setTimeout as sleep } from "node:timers/promises";

import { expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import { PgJobStore } from "../../../src/core/store.ts";
import { Worker } from "../../../src/runners/worker/worker.ts";
import { around } from "../../support/between.ts";
import { quantile, spread } from "../../support/fault-ledger.ts";
import { jobsByStatus } from "../../support/job-rows.ts";
import { testPool } from "../../support/pool.ts";
import { testQueue } from "../../support/queue.ts";

const HELD_MS = Number(process.env["FAULT_MINUTES"] ?? 1) * 60_000;
const BASE_MS = 15_000;
const WARM_UP_MS = 3_000;
/** A hundred jobs a second, or as many as are asked for. */
const RATE = Number(process.env["FAULT_RATE"] ?? 100);
const FLOW = { jobs: Math.ceil(RATE / 20), everyMs: 50 };

const queue = await testQueue();

test(`20: under a snapshot held for ${HELD_MS / 60_000} min, through ${RATE} jobs a second, a worker's turns take at p99 at most 3 times as long as before`, async () => {
  const turns: { readonly at: number; readonly ms: number }[] = [];
  const timing = around(async (send) => {
    const at = performance.now();
    const answer = await send();
    turns.push({ at, ms: performance.now() - at });
    return answer;
  });
  const pool = testPool(queue.url, { max: 4 });
  onTestFinished(() => pool.end());
  const worker = new Worker({
    store: new PgJobStore(timing(pgExecutor(pool))),
    concurrency: 10,
    env: {},
    handlers: { a: () => undefined },
  }).start();
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  const timesSince = (from: number): number[] => turns.filter(({ at }) => at >= from).map(({ ms }) => ms);
  let enqueued = 0;
  /** @returns the times of the turns of its last part */
  const flow = async (ms: number, from: number): Promise<number[]> => {
    const start = performance.now();
    let minutes = 0;
    for (let now = start; now < start + ms; now = performance.now()) {
      await queue.store.enqueueMany(Array.from({ length: FLOW.jobs }, () => ({ type: "a", payload: {} })));
      enqueued += FLOW.jobs;
      if (Math.floor((performance.now() - start) / 60_000) > minutes) {
        minutes += 1;
        console.log(`20: minute ${minutes}: ${spread(timesSince(now - 60_000))}`);
      }
      await sleep(Math.max(0, now + FLOW.everyMs - performance.now()));
    }
    return timesSince(start + from);
  };
  await flow(WARM_UP_MS, 0);
  const base = await flow(BASE_MS, 0);
  const { client } = await queue.session();
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM jobs");
  const held = await flow(HELD_MS, Math.max(HELD_MS / 2, HELD_MS - 60_000));
  const ratio = quantile(held, 0.99) / quantile(base, 0.99);
  console.log(
    `20: turns: base ${spread(base)}; held ${spread(held)}; p99 × ${ratio.toFixed(2)}, ${enqueued} jobs`,
  );
  await client.query("COMMIT");
  await expect.poll(() => jobsByStatus(queue), { timeout: 10_000 }).toEqual({ DONE: enqueued });
  expect(Math.min(base.length, held.length)).toBeGreaterThan(100);
  expect(ratio).toBeLessThanOrEqual(3);
});
