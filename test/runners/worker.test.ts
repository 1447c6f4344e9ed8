import { expect, test, vi } from "vitest";

import type { LogFields, Logger } from "../../src/core/logger.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { EventLog } from "../support/event-log.ts";
import { Gate, takes } from "../support/handlers.ts";
import { insertJobs, jobRow, jobsByStatus } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker, testWorker } from "../support/test-worker.ts";
import { Wire, connectionLost, untilIdle } from "../support/wire.ts";

const queue = await testQueue();

test("a worker runs what is due and what comes, until it is stopped", async () => {
  await insertJobs(queue, 30);
  const { worker, store, log } = startWorker(queue);
  await log.until("done", 30);
  const { id } = await store.enqueue("a", { late: true });
  await log.until("done", 31);
  await worker.stop();
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1 });
  expect(worker.counts).toMatchObject({ done: 31, retried: 0, failed: 0, lost: 0 });
  await store.enqueue("a", {});
  expect(await jobsByStatus(queue)).toEqual({ DONE: 31, READY: 1 });
});

test("constructing does nothing: no statement, no timer, nothing random", () => {
  const wire = new Wire();
  const store = pooledStore(queue, { wire });
  const timers = vi.spyOn(globalThis, "setTimeout");
  const random = [vi.spyOn(crypto, "randomUUID"), vi.spyOn(Math, "random"), vi.spyOn(performance, "now")];
  try {
    new Worker({ store, handlers: { a: () => undefined } });
    for (const spy of [timers, ...random]) expect(spy).not.toHaveBeenCalled();
    expect(wire.sent).toEqual([]);
  } finally {
    vi.restoreAllMocks();
  }
});

test("it picks up only types that it has handlers for", async () => {
  const stranger = await queue.insert({ job_type: "'stranger'", priority: "100" });
  await queue.insert();
  await using running = startWorker(queue);
  await running.log.until("done");
  await untilIdle(running.wire);
  expect(await jobRow(queue, stranger)).toMatchObject({ status: "READY", attempts: 0 });
});

test("of the handlers a worker uses those of its types: jobs of the others stay READY", async () => {
  const [mine, other] = [await queue.insert(), await queue.insert({ job_type: "'b'" })];
  const handlers = { a: () => undefined, b: () => undefined };
  const { worker, log } = startWorker(queue, { types: ["a"], handlers });
  await log.until("done", 1);
  await worker.stop();
  expect(await jobRow(queue, mine)).toMatchObject({ status: "DONE" });
  expect(await jobRow(queue, other)).toMatchObject({ status: "READY", attempts: 0 });
});

test("no more handlers run at once than there are slots, and slots refill as jobs end", async () => {
  await insertJobs(queue, 60);
  let running = 0;
  let most = 0;
  await using worker = startWorker(queue, {
    concurrency: 3,
    handlers: {
      a: async (ctx) => {
        running += 1;
        most = Math.max(most, running);
        await takes(Number(ctx.payload["n"]) % 7)(ctx);
        running -= 1;
      },
    },
  });
  await worker.log.until("done", 60);
  expect(most).toBe(3);
});

test("jobs run by priority, then due time, then id", async () => {
  await queue.rows(`INSERT INTO jobs (job_type, payload, priority, run_after) VALUES
    ('a', '{"n": 4}', 0, now() - interval '1 min'), ('a', '{"n": 5}', 0, now()), ('a', '{"n": 3}', 0, now() - interval '2 min'),
    ('a', '{"n": 1}', 9, now()), ('a', '{"n": 2}', 9, now())`);
  const order: unknown[] = [];
  await using worker = startWorker(queue, {
    concurrency: 1,
    handlers: { a: ({ payload }) => order.push(payload["n"]) },
  });
  await worker.log.until("done", 5);
  expect(order).toEqual([1, 2, 3, 4, 5]);
});

test("start twice is one loop", async () => {
  await using running = testWorker(queue);
  expect(running.worker.start()).toBe(running.worker.start());
  await untilIdle(running.wire);
  expect(await queue.rows("SELECT worker FROM jobs_waiting")).toHaveLength(1);
});

test("run lasts until its signal fires", async () => {
  const { worker, log } = testWorker(queue);
  const stop = new AbortController();
  const run = worker.run(stop.signal);
  await queue.store.enqueue("a", {});
  worker.wake();
  await log.until("done");
  stop.abort();
  await run;
  expect(await jobsByStatus(queue)).toEqual({ DONE: 1 });
});

test("a failed job of a chain: its events come in order, each after the database has answered", async () => {
  const states: unknown[] = [];
  const log = new EventLog();
  const id = await queue.insert({ max_attempts: "2" });
  await using worker = startWorker(queue, {
    backoff: { delayMs: () => 0 },
    handlers: {
      a: ({ job }) => {
        if (job.attempts === 1) throw new Error("first");
        return "second";
      },
    },
    onEvent: (event) => {
      log.onEvent(event);
      states.push(queue.rows("SELECT attempts, status FROM jobs WHERE id = $1", [event.id]));
    },
  });
  await log.until("done");
  expect(log.events).toMatchObject([
    { event: "started", id, type: "a", attempts: 1, durationMs: null },
    { event: "retried", id, type: "a", attempts: 1, error: { message: "first" } },
    { event: "started", id, type: "a", attempts: 2 },
    { event: "done", id, type: "a", attempts: 2 },
  ]);
  expect((await Promise.all(states)).at(-1)).toEqual([{ attempts: 2, status: "DONE" }]);
  expect(worker.worker.counts).toMatchObject({ done: 1, retried: 1 });
});

test("a hook that throws harms nothing", async () => {
  await insertJobs(queue, 3);
  const log = new EventLog();
  await using worker = startWorker(queue, {
    onEvent: (event) => {
      log.onEvent(event);
      throw new Error("the hook is broken");
    },
  });
  await log.until("done", 3);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 3 });
  expect(worker.worker.counts.done).toBe(3);
});

/** Keeps all that it is told. */
function listeningLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const log = (message: string, fields?: LogFields): void => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  return { lines, debug: log, info: log, warn: log, error: log };
}

test("the log holds no payload, no result and no password, and of an error what its redaction leaves", async () => {
  const logger = listeningLogger();
  const wire = new Wire();
  let failed = false;
  wire.step = (_statement, send) => {
    if (failed) return send();
    failed = true;
    return Promise.reject(
      Object.assign(connectionLost(), { message: "to postgres://me:hunter2@db.example:5432/app" }),
    );
  };
  await queue.insert({ payload: `'{"card": "4111"}'` });
  await using worker = startWorker(queue, {
    wire,
    logger,
    loopError: { delayMs: () => 1 },
    redact: (text) => text.replaceAll("own secret", "***"),
    handlers: {
      a: ({ payload }) => {
        if (payload["card"] === "4111") throw new Error("the handler's own secret");
      },
    },
  });
  await worker.log.until("retried");
  const text = logger.lines.join("\n");
  expect(text).toContain("the database did not settle, reap or pick up");
  expect(text).toContain("an attempt failed, its job runs again");
  expect(text).toContain("the handler's ***");
  for (const secret of ["4111", "card", "hunter2", "the handler's own secret"])
    expect(text).not.toContain(secret);
});

test("of a store with `logger: false` nothing is printed", async () => {
  const spies = (["debug", "info", "log", "warn", "error"] as const).map((name) => vi.spyOn(console, name));
  try {
    await queue.insert();
    const wire = new Wire();
    wire.step = (_statement, send) => (wire.sent.length === 1 ? Promise.reject(connectionLost()) : send());
    await using worker = startWorker(queue, {
      wire,
      loopError: { delayMs: () => 1 },
      handlers: {
        a: () => {
          throw new Error("x");
        },
      },
    });
    await worker.log.until("retried");
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  } finally {
    vi.restoreAllMocks();
  }
});

test("wrong options are refused, each by name", () => {
  const store = pooledStore(queue);
  const wrong = {
    concurrency: 0,
    leaseMs: 999,
    safetyPollSeconds: 0,
    reapIntervalSeconds: 0,
    shutdownGraceSeconds: -1,
    shutdownTimeoutSeconds: Number.NaN,
    maxBuffer: 2_001,
    defaultTimeoutSeconds: 0,
    workerId: "",
  };
  for (const [field, value] of Object.entries(wrong)) {
    expect(() => new Worker({ store, handlers: { a: () => undefined }, env: {}, [field]: value })).toThrow(
      expect.objectContaining({ name: "InvalidInputError", field }),
    );
  }
});

test("a worker's own id begins locked_by, with a nonce for each pick-up", async () => {
  await insertJobs(queue, 2);
  const gate = new Gate();
  await using worker = startWorker(queue, {
    workerId: "host-7",
    concurrency: 1,
    handlers: { a: () => gate.opened },
  });
  await worker.log.until("started");
  const [row] = await queue.rows("SELECT locked_by, lease_holder FROM jobs WHERE status = 'RUNNING'");
  expect(row?.["locked_by"]).toMatch(/^host-7:[0-9a-f-]{36}$/);
  expect(row?.["lease_holder"]).toBe(row?.["locked_by"]);
  gate.open();
  await worker.log.until("done", 2);
  expect(await queue.rows("SELECT DISTINCT locked_by FROM jobs")).toHaveLength(2);
});
