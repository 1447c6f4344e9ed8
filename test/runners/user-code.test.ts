import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { deaf } from "../support/deaf.ts";
import { jobRow } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { Wire, connectionLost } from "../support/wire.ts";

const queue = await testQueue();

const throws = (): never => {
  throw new Error("the user's own mistake");
};
const throwingPolicy = { delayMs: throws };
const fails = (): never => {
  throw new Error("failed attempt");
};

/** What no listener of ours waits for ends a process by default; each test must leave none. */
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeAll(() => process.on("unhandledRejection", note));
afterAll(() => process.off("unhandledRejection", note));
afterEach(async () => {
  // Node tells of them when the microtasks have run.
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled.splice(0)).toEqual([]);
});

const rejects = async (): Promise<never> => {
  await Promise.resolve();
  throw new TypeError("the user's own mistake, of later");
};
/** As a query builder is: a promise for `await` alone. */
const rejectsAsThenable = (): PromiseLike<never> => ({
  then: (_resolve, reject) => Promise.reject(new TypeError("a builder's")).then(undefined, reject),
});

/** Collects what is logged, level and message. */
function collector(): {
  readonly lines: string[];
  readonly logger: Record<"debug" | "info" | "warn" | "error", (message: string) => void>;
} {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => void lines.push(`${level}: ${message}`);
  return { lines, logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") } };
}

test.each([
  ["throws", throwingPolicy, "error: backoff threw"],
  ["answers NaN", { delayMs: () => NaN }, "error: backoff returned no valid delay"],
  ["answers Infinity", { delayMs: () => Infinity }, "error: backoff returned no valid delay"],
  ["answers -1", { delayMs: () => -1 }, "error: backoff returned no valid delay"],
])("a backoff that %s is logged, and the job is retried as by default", async (_, backoff, line) => {
  const id = await queue.insert();
  const { lines, logger } = collector();
  const report = await drainOnce({
    store: queue.store,
    handlers: { a: fails },
    budgetMs: 5_000,
    backoff,
    logger,
  });
  expect(report).toMatchObject({ retried: 1, unsettled: 0 });
  expect(lines).toContain(line);
  expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 1 });
  const [due] = await queue.rows(
    "SELECT run_after BETWEEN now() + interval '50 s' AND now() + interval '70 s' AS as_default FROM jobs WHERE id = $1",
    [id],
  );
  expect(due).toEqual({ as_default: true });
});

test("an idlePoll that throws is logged, and fails no turn", async () => {
  const { lines, logger } = collector();
  await using worker = startWorker(queue, {
    idlePoll: throwingPolicy,
    logger,
    // A LISTEN that hears nothing: only then a worker polls.
    between: deaf,
  });
  await queue.insert();
  worker.worker.wake();
  await worker.log.until("done");
  await queue.insert();
  worker.worker.wake();
  await worker.log.until("done", 2);
  await vi.waitFor(
    () => {
      expect(lines).toContain("error: idlePoll threw");
    },
    { timeout: 100_000 },
  );
  expect(lines).not.toContain("warn: the database did not settle, reap or pick up; tried again");
});

test("a loopError that throws ends no worker", async () => {
  const wire = new Wire();
  wire.step = (statement, send) => {
    if (statement.kind !== "turn") return send();
    wire.step = (_statement, sendOn) => sendOn();
    return Promise.reject(connectionLost());
  };
  await queue.insert();
  await using worker = startWorker(queue, { wire, loopError: throwingPolicy });
  await worker.log.until("done");
});

test("a logger that throws costs no job its outcome", async () => {
  const id = await queue.insert();
  const logger = { debug: throws, info: throws, warn: throws, error: throws };
  await using worker = startWorker(queue, { logger, env: { WORKER_CONCURRENCY: "nonsense" } });
  await worker.log.until("done");
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE" });
});

test.each([
  ["throws", throws, "Error"],
  ["rejects", rejects, "TypeError"],
  ["answers a thenable that rejects", rejectsAsThenable, "TypeError"],
])("an onEvent that %s is logged by its error's name, and changes nothing", async (_, onEvent, error) => {
  const id = await queue.insert();
  const errors: unknown[] = [];
  const { logger } = collector();
  const report = await drainOnce({
    store: queue.store,
    handlers: { a: () => "kept" },
    budgetMs: 5_000,
    onEvent,
    logger: { ...logger, error: (message, fields) => void errors.push([message, fields]) },
  });
  expect(report).toMatchObject({ done: 1 });
  await vi.waitFor(() => {
    expect(errors).toEqual([
      ["onEvent threw", { error }],
      ["onEvent threw", { error }],
    ]);
  });
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", result: "kept" });
});

test("a logger that rejects costs no job its outcome, and no enqueue its answer", async () => {
  const logger = { debug: rejects, info: rejects, warn: rejects, error: rejects };
  const { store } = await queue.session({ logger });
  store.onEnqueue(throws);
  const { id } = await store.enqueue("a", {});
  await using worker = startWorker(queue, { logger, env: { WORKER_CONCURRENCY: "nonsense" } });
  await worker.log.until("done");
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE" });
});

test.each([
  ["throws", throws, "Error"],
  ["rejects", rejects, "TypeError"],
])("an onEnqueue listener that %s is logged, and the enqueue answers", async (_, listener, error) => {
  const errors: unknown[] = [];
  const { logger } = collector();
  const { store } = await queue.session({
    logger: { ...logger, error: (message, fields) => void errors.push([message, fields]) },
  });
  store.onEnqueue(listener);
  const { id } = await store.enqueue("a", {});
  expect(await jobRow(queue, id)).toMatchObject({ status: "READY" });
  await vi.waitFor(() => {
    expect(errors).toEqual([["an onEnqueue listener threw", { error }]]);
  });
});

test("a backoff that answers a promise is no delay, and its rejection ends nothing", async () => {
  const id = await queue.insert();
  const { lines, logger } = collector();
  const backoff = { delayMs: rejects as unknown as () => number };
  await drainOnce({ store: queue.store, handlers: { a: fails }, budgetMs: 5_000, backoff, logger });
  expect(lines).toContain("error: backoff returned no valid delay");
  expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 1 });
});

test("a redact that answers a promise hides the error, and its rejection ends nothing", async () => {
  const id = await queue.insert();
  const redact = rejects as unknown as (text: string) => string;
  await drainOnce({ store: queue.store, handlers: { a: fails }, budgetMs: 5_000, redact });
  expect(await jobRow(queue, id)).toMatchObject({ last_error: "the error could not be redacted" });
});

test("a parse may be asynchronous: the handler gets what it resolves with, and what it rejects with fails the job", async () => {
  const [read, refused] = [await queue.insert(), await queue.insert({ payload: `'{"n": 1}'` })];
  const payloads: unknown[] = [];
  const { store } = await queue.session({
    parse: async (text) => (text === "{}" ? await Promise.resolve({ read: true }) : await rejects()),
  });
  await drainOnce({ store, handlers: { a: ({ payload }) => void payloads.push(payload) }, budgetMs: 5_000 });
  expect(payloads).toEqual([{ read: true }]);
  expect(await jobRow(queue, read)).toMatchObject({ status: "DONE" });
  expect(await jobRow(queue, refused)).toMatchObject({ status: "FAILED" });
});

test("a budgetMs that fails when it is asked again ends the drain in order", async () => {
  const id = await queue.insert();
  const { lines, logger } = collector();
  let asked = 0;
  const budgetMs = (): number => {
    asked += 1;
    return asked < 3 ? 5_000 : throws();
  };
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: { a: () => undefined },
    budgetMs,
    logger,
  });
  expect(report).toMatchObject({ stoppedBy: "budget" });
  expect(lines).toContain("error: budgetMs threw");
  expect(["READY", "DONE"]).toContain((await jobRow(queue, id))["status"]);
});
