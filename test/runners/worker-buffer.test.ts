import { expect, test } from "vitest";

import { Gate, takes } from "../support/handlers.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { turnParts } from "../support/wire.ts";

const queue = await testQueue();

test("a worker of no-op jobs comes to take hundreds at a time, up to two thousand, in few statements", async () => {
  await insertJobs(queue, 8_000);
  await using worker = startWorker(queue);
  await worker.log.until("done", 8_000);
  const parts = worker.wire.turns().map(turnParts);
  const most = Math.max(...parts.map(({ buffer }) => buffer));
  // How many it is depends on the machine; two thousand is the bound.
  expect(most).toBeGreaterThan(300);
  expect(most).toBeLessThanOrEqual(2_000);
  expect(parts.length).toBeLessThan(100);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 8_000 });
});

test("it rises step by step: what a pick-up may hold is at most about twice what the one before might", async () => {
  await insertJobs(queue, 3_000);
  await using worker = startWorker(queue);
  await worker.log.until("done", 3_000);
  const sizes = worker.wire
    .turns()
    .map(turnParts)
    .map(({ slots, buffer }) => slots + buffer);
  // Not twice what the one before asked for: that is less where the buffer was not empty.
  let most = 0;
  for (const size of sizes) {
    expect(size).toBeLessThanOrEqual(most + 10);
    most = 2 * (most + 10);
  }
});

test("a worker that drains a backlog does not reap with every turn", async () => {
  await insertJobs(queue, 300);
  await using worker = startWorker(queue, { concurrency: 1, maxBuffer: 0 });
  await worker.log.until("done", 300);
  expect(worker.wire.turns().length).toBeGreaterThan(200);
  expect(worker.wire.turns().filter((turn) => turnParts(turn).reaps).length).toBeLessThan(10);
});

test("a worker of slow jobs hoards nothing", async () => {
  await insertJobs(queue, 40);
  let most = 0;
  await using worker = startWorker(queue, {
    concurrency: 4,
    handlers: {
      a: async (ctx) => {
        await takes(120)(ctx);
        const [row] = await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE status = 'RUNNING'");
        most = Math.max(most, Number(row?.["n"]));
      },
    },
  });
  await worker.log.until("done", 12);
  // The jobs in its slots, and at most as many that have ended and are being settled.
  expect(most).toBeLessThanOrEqual(8);
  expect(worker.wire.turns().every((turn) => turnParts(turn).buffer === 0)).toBe(true);
});

test("jobs that grow slow shrink the buffer at once", async () => {
  await insertJobs(queue, 500, "quick");
  const gate = new Gate();
  await using worker = startWorker(queue, {
    concurrency: 2,
    handlers: { quick: () => undefined, slow: () => gate.opened },
  });
  await worker.log.until("done", 500);
  await insertJobs(queue, 200, "slow");
  await worker.wire.until(() => (worker.log.of("started").length >= 502 ? true : undefined));
  const before = worker.wire.sent.length;
  await takes(300)({ signal: new AbortController().signal });
  // Whatever it took with the first look, it takes no more while those run.
  const taken = worker.wire.sent
    .slice(before)
    .filter((sent) => sent.kind === "turn" && turnParts(sent).buffer > 0);
  expect(taken).toEqual([]);
  gate.open();
  await worker.log.until("done", 700);
});

test("maxBuffer 0 takes no more than there are free slots", async () => {
  await insertJobs(queue, 200);
  await using worker = startWorker(queue, { maxBuffer: 0 });
  await worker.log.until("done", 200);
  expect(worker.wire.turns().every((turn) => turnParts(turn).buffer === 0)).toBe(true);
});
