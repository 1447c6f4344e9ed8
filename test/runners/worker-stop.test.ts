import { expect, test } from "vitest";

import type { Listening } from "../../src/core/executor.ts";
import { DEAF } from "../support/deaf.ts";
import { abortReason, Gate, heedsItsSignal, ignoresItsSignal } from "../support/handlers.ts";
import { insertJobs, jobRow, jobsByStatus } from "../support/job-rows.ts";
import { timed as timedOf } from "../support/machine-time.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker, testWorker } from "../support/test-worker.ts";
import { Wire, connectionLost, untilIdle } from "../support/wire.ts";

const queue = await testQueue();

/** How long a stop takes, in milliseconds of the time that the machine gives. */
const timed = async (stop: () => Promise<unknown>): Promise<number> => (await timedOf(queue, stop)).tookMs;

/** Runs `work`; answers how many timers of the runners' own are left after it. */
async function timersLeftBy(work: () => Promise<void>): Promise<number> {
  const left = new Set<unknown>();
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const ownSet = (act: () => void, ms?: number): NodeJS.Timeout => {
    const own = new Error("who asks").stack?.includes("/src/runners/") === true;
    const timer = set(() => {
      left.delete(timer);
      act();
    }, ms);
    if (own) left.add(timer);
    return timer;
  };
  const ownClear = (timer: NodeJS.Timeout): void => {
    left.delete(timer);
    clear(timer);
  };
  Object.assign(globalThis, { setTimeout: ownSet, clearTimeout: ownClear });
  try {
    await work();
    return left.size;
  } finally {
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  }
}

test("a stop lets handlers finish within the grace, and picks up no more", async () => {
  await insertJobs(queue, 3);
  const gate = new Gate();
  const reasons: unknown[] = [];
  const { worker, log } = startWorker(queue, {
    concurrency: 1,
    handlers: {
      a: async ({ signal }) => {
        await gate.opened;
        reasons.push(abortReason(signal));
      },
    },
  });
  await log.until("started");
  const stopping = worker.stop({ graceMs: 4_000 });
  gate.open();
  await stopping;
  expect(reasons).toEqual([undefined]);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 1, READY: 2 });
});

test("after the grace handlers are aborted, and the attempts of those that end given back", async () => {
  await insertJobs(queue, 2);
  const reasons: unknown[] = [];
  const { worker, log } = startWorker(queue, {
    shutdownGraceSeconds: 0.1,
    handlers: {
      a: (ctx) => {
        ctx.signal.addEventListener("abort", () => reasons.push(abortReason(ctx.signal)));
        return heedsItsSignal(ctx);
      },
    },
  });
  await log.until("started", 2);
  await worker.stop();
  expect(reasons).toEqual(["shutdown", "shutdown"]);
  expect(worker.counts).toMatchObject({ released: 2, retried: 0 });
  expect(await queue.rows("SELECT DISTINCT status, attempts, released, last_error FROM jobs")).toEqual([
    { status: "READY", attempts: 0, released: 1, last_error: null },
  ]);
});

test("an eleventh release counts as an attempt: a job that provokes shutdowns does not live for ever", async () => {
  const id = await queue.insert({ released: "10", max_attempts: "1" });
  const { worker, log } = startWorker(queue, { handlers: { a: heedsItsSignal } });
  await log.until("started");
  await worker.stop({ graceMs: 0 });
  expect(await jobRow(queue, id)).toMatchObject({
    status: "FAILED",
    attempts: 1,
    last_error: "given back by shutdowns 10 times: from now on such an attempt counts",
  });
  expect(worker.counts).toMatchObject({ failed: 1, released: 0 });
});

test("a handler that ignores its abort keeps its lease, and the stop ends all the same", async () => {
  const id = await queue.insert();
  const { worker, log } = startWorker(queue, {
    shutdownTimeoutSeconds: 1,
    handlers: { a: ignoresItsSignal },
  });
  await log.until("started");
  expect(await timed(() => worker.stop({ graceMs: 0 }))).toBeLessThan(1_250);
  const row = await jobRow(queue, id);
  expect(row).toMatchObject({ status: "RUNNING", attempts: 1 });
  expect(row["lease_expires_at"]).toBeInstanceOf(Date);
});

test("jobs that wait in the buffer are given back at once", async () => {
  const gate = new Gate();
  const { worker, log } = startWorker(queue, {
    concurrency: 2,
    handlers: { a: ({ payload }) => (Number(payload["n"]) <= 50 ? undefined : gate.opened) },
  });
  // No-op jobs first, so that it has learnt to take many.
  await insertJobs(queue, 300);
  worker.wake();
  await log.until("done", 50);
  const stopping = worker.stop({ graceMs: 4_000 });
  await log.until("released");
  gate.open();
  await stopping;
  expect(await queue.rows("SELECT FROM jobs WHERE status = 'RUNNING'")).toEqual([]);
  expect(await queue.rows("SELECT DISTINCT status, attempts FROM jobs WHERE status <> 'DONE'")).toEqual([
    { status: "READY", attempts: 0 },
  ]);
});

test("a second stop with no grace aborts at once", async () => {
  await queue.insert();
  const { worker, log } = startWorker(queue, { handlers: { a: heedsItsSignal } });
  await log.until("started");
  const first = worker.stop({ graceMs: 60_000 });
  expect(await timed(() => worker.stop({ graceMs: 0 }))).toBeLessThan(1_000);
  await first;
  expect(worker.counts).toMatchObject({ released: 1 });
});

test("`await using` stops it", async () => {
  await queue.insert();
  const gate = new Gate();
  gate.open();
  {
    const { worker: own, log } = startWorker(queue, { handlers: { a: () => gate.opened } });
    await using _worker = own;
    await log.until("started");
  }
  expect(await jobsByStatus(queue)).toEqual({ DONE: 1 });
});

test("a stop keeps no timer: not after the end, not twice, not of a worker that never started", async () => {
  const left = await timersLeftBy(async () => {
    await testWorker(queue).worker.stop();
    await queue.insert();
    const { worker, wire, log } = startWorker(queue);
    await log.until("done");
    await untilIdle(wire);
    await worker.stop();
    await worker.stop();
  });
  expect(left).toBe(0);
});

test("a worker that was stopped starts no more", async () => {
  const { worker, wire } = testWorker(queue);
  await worker.stop();
  worker.start();
  expect(wire.sent).toEqual([]);
});

test("a settlement that fails during a stop is tried again", async () => {
  const id = await queue.insert();
  const gate = new Gate();
  const wire = new Wire();
  const { worker, log } = startWorker(queue, {
    wire,
    loopError: { delayMs: () => 20 },
    handlers: { a: () => gate.opened },
  });
  await log.until("started");
  const before = wire.turns().length;
  wire.step = (statement, send) =>
    statement.kind === "turn" && wire.turns().length === before + 1
      ? Promise.reject(connectionLost())
      : send();
  gate.open();
  const stopping = worker.stop({ graceMs: 2_000 });
  expect(await timed(() => stopping)).toBeLessThan(1_500);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE" });
});

test("a database that answers no more does not keep a stop beyond its timeout", async () => {
  await queue.insert();
  const gate = new Gate();
  const wire = new Wire();
  const { worker, log } = startWorker(queue, {
    wire,
    shutdownTimeoutSeconds: 1,
    handlers: { a: () => gate.opened },
  });
  await log.until("started");
  wire.step = () => new Promise(() => undefined);
  gate.open();
  expect(await timed(() => worker.stop())).toBeLessThan(1_250);
});

test("a LISTEN that never comes to be does not keep it either", async () => {
  const { worker, wire } = startWorker(queue, {
    shutdownTimeoutSeconds: 1,
    between: (executor) => ({ ...executor, listen: () => new Promise(() => undefined) }),
  });
  await wire.answered(({ kind }) => kind === "turn");
  expect(await timed(() => worker.stop())).toBeLessThan(1_250);
});

test("a LISTEN that comes to be after the stop is ended", async () => {
  const listening = Promise.withResolvers<Listening>();
  const ended = new Gate();
  const { worker, wire } = startWorker(queue, {
    shutdownTimeoutSeconds: 1,
    between: (executor) => ({ ...executor, listen: () => listening.promise }),
  });
  await wire.answered(({ kind }) => kind === "turn");
  await worker.stop();
  listening.resolve({
    ...DEAF,
    stop: () => {
      ended.open();
      return Promise.resolve();
    },
  });
  await ended.opened;
});
