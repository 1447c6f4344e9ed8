import { expect, test } from "vitest";

import type { LogFields, Logger } from "../../src/core/logger.ts";
import { checkDrain } from "../../src/runners/drain/drain-options.ts";
import { workerEnvironment, type Environment } from "../../src/runners/worker-environment.ts";
import { checkWorker } from "../../src/runners/worker/worker-options.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { heedsItsSignal } from "../support/handlers.ts";
import { jobRow } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker, testWorker } from "../support/test-worker.ts";
import { untilIdle } from "../support/wire.ts";

const queue = await testQueue();

/** What is said, and what is warned of. */
function read(env: Environment): { readonly said: unknown; readonly warned: readonly string[] } {
  const warned: string[] = [];
  const none = (): void => undefined;
  const warn = (message: string, _fields?: LogFields): void => {
    warned.push(message);
  };
  const logger: Logger = { debug: none, info: none, warn, error: none };
  return { said: workerEnvironment(env, logger), warned };
}

test.for(["1", "true", "yes", "on", "TRUE", " On "])("%j switches on", (text) => {
  expect(read({ WORKER_ENABLED: text, WORKER_REAPER_ENABLED: text })).toEqual({
    said: { enabled: true, reaper: true },
    warned: [],
  });
});

test.for(["0", "false", "no", "off", "False"])("%j switches off", (text) => {
  expect(read({ WORKER_ENABLED: text, WORKER_REAPER_ENABLED: text })).toEqual({
    said: { enabled: false, reaper: false },
    warned: [],
  });
});

const NUMBERS = [
  ["WORKER_CONCURRENCY", "concurrency", 1, 1_000],
  ["WORKER_REAP_INTERVAL", "reapIntervalSeconds", 1, 86_400],
  ["WORKER_STALE_TIMEOUT", "defaultTimeoutSeconds", 1, 2_147_483],
  ["WORKER_SHUTDOWN_GRACE", "shutdownGraceSeconds", 0, 86_400],
  ["WORKER_SHUTDOWN_TIMEOUT", "shutdownTimeoutSeconds", 0, 86_400],
] as const;

test.for(NUMBERS)("%s is read, and clamped with a warning", ([name, option, min, max]) => {
  expect(read({ [name]: "7" })).toEqual({ said: { [option]: 7 }, warned: [] });
  expect(read({ [name]: " 7 " }).said).toEqual({ [option]: 7 });
  expect(read({ [name]: "-5" })).toEqual({
    said: { [option]: min },
    warned: [`${name} is clamped to ${min}`],
  });
  expect(read({ [name]: "1e12" })).toEqual({
    said: { [option]: max },
    warned: [`${name} is clamped to ${max}`],
  });
});

const NONSENSE = ["many", "10s", "NaN", "Infinity", "toString", "0x"];

test.for(NUMBERS)("nonsense in %s is warned of and ignored", ([name]) => {
  for (const nonsense of NONSENSE) {
    const { said, warned } = read({ [name]: nonsense });
    expect(said).toEqual({});
    expect(warned).toHaveLength(1);
    expect(warned[0]).toContain(`${name} is ignored`);
  }
});

test("an odd word in a switch is warned of and switches off, as the Python package has it", () => {
  for (const odd of [...NONSENSE, "y", "enabled", "disabled", "2", "none"]) {
    const { said, warned } = read({ WORKER_ENABLED: odd, WORKER_REAPER_ENABLED: odd });
    expect(said).toEqual({ enabled: false, reaper: false });
    expect(warned).toEqual([
      expect.stringContaining("WORKER_ENABLED switches off"),
      expect.stringContaining("WORKER_REAPER_ENABLED switches off"),
    ]);
  }
});

const NAMES = [...NUMBERS.map(([name]) => name), "WORKER_ENABLED", "WORKER_REAPER_ENABLED"] as const;

test("a variable that is empty, or that the runtime refuses to tell, is as if it were not there", () => {
  const each = (value: string | undefined): Environment =>
    Object.fromEntries(NAMES.map((name) => [name, value]));
  for (const nothing of ["", "  ", undefined]) expect(read(each(nothing))).toEqual({ said: {}, warned: [] });
  // As Deno refuses each variable that it was not started with.
  const granted: Environment = new Proxy(each("1"), {
    get: (env, name) => {
      if (name === "WORKER_CONCURRENCY") return env[name];
      throw new Error(`NotCapable: Requires env access to "${String(name)}"`);
    },
  });
  expect(read(granted)).toEqual({ said: { concurrency: 1 }, warned: [] });
});

test("a drain takes WORKER_STALE_TIMEOUT from the environment, over code, and nothing else", () => {
  const env = Object.fromEntries(NAMES.map((name) => [name, "7"]));
  const drain = { store: pooledStore(queue), handlers: { a: () => undefined }, budgetMs: 1_000 };
  const options = { ...drain, defaultTimeoutSeconds: 3, concurrency: 3, reaper: true };
  const said = { defaultTimeoutSeconds: 7, runJob: { timeoutSeconds: 7 } };
  expect(checkDrain({ ...options, env })).toMatchObject({ ...said, concurrency: 3, reaper: true });
  expect(checkDrain({ ...options, env: {} })).toMatchObject({ defaultTimeoutSeconds: 3 });
  expect(checkDrain({ ...drain, env: {} })).toMatchObject({ defaultTimeoutSeconds: 1_200 });
});

test("the environment overrides code", () => {
  const store = pooledStore(queue);
  const env = Object.fromEntries(NUMBERS.map(([name]) => [name, "7"]));
  const checked = checkWorker({
    store,
    handlers: { a: () => undefined },
    env: { ...env, WORKER_ENABLED: "no", WORKER_REAPER_ENABLED: "no" },
    concurrency: 3,
    reapIntervalSeconds: 3,
    defaultTimeoutSeconds: 3,
    shutdownGraceSeconds: 3,
    shutdownTimeoutSeconds: 3,
    enabled: true,
    reaper: true,
  });
  expect(checked).toMatchObject({
    concurrency: 7,
    reapIntervalMs: 7_000,
    defaultTimeoutSeconds: 7,
    graceMs: 7_000,
    shutdownMs: 7_000,
    enabled: false,
    reaper: false,
    runJob: { timeoutSeconds: 7 },
  });
});

test("what neither says is the Python package's default", () => {
  const checked = checkWorker({ store: pooledStore(queue), handlers: { a: () => undefined }, env: {} });
  expect(checked).toMatchObject({
    enabled: true,
    reaper: true,
    reapIntervalMs: 60_000,
    defaultTimeoutSeconds: 1_200,
    graceMs: 10_000,
    shutdownMs: 30_000,
  });
});

test("process.env governs where no environment is given", () => {
  process.env["WORKER_CONCURRENCY"] = "13";
  try {
    expect(checkWorker({ store: pooledStore(queue), handlers: { a: () => undefined } }).concurrency).toBe(13);
  } finally {
    delete process.env["WORKER_CONCURRENCY"];
  }
});

test("WORKER_ENABLED=false makes a process that only enqueues: nothing runs, and stopping is nothing", async () => {
  const { worker, wire, store } = testWorker(queue, { env: { WORKER_ENABLED: "false" } });
  const { id } = await store.enqueue("a", {});
  worker.start();
  const running = worker.run();
  worker.wake();
  await worker.stop();
  await running;
  expect(wire.sent.map(({ kind }) => kind)).toEqual(["enqueue"]);
  expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 0 });
});

test("WORKER_REAPER_ENABLED=false reaps nothing, WORKER_STALE_TIMEOUT is a job's longest run", async () => {
  const lost = await queue.insert({
    status: "'RUNNING'",
    locked_by: "'python'",
    locked_at: "now() - interval '1 day'",
  });
  const id = await queue.insert();
  await using worker = startWorker(queue, {
    env: { WORKER_REAPER_ENABLED: "off", WORKER_STALE_TIMEOUT: "1" },
    handlers: { a: heedsItsSignal },
  });
  await worker.log.until("retried");
  await untilIdle(worker.wire);
  expect((await jobRow(queue, id))["last_error"]).toContain("timed out after 1 s");
  expect(await jobRow(queue, lost)).toMatchObject({ status: "RUNNING" });
});

test("WORKER_CONCURRENCY is how many handlers run at once", () => {
  const store = pooledStore(queue);
  expect(
    () => new Worker({ store, handlers: { a: () => undefined }, env: { WORKER_CONCURRENCY: "2.5" } }),
  ).not.toThrow();
});

test("where nobody says it, a worker runs one handler at once and a drain ten", () => {
  const options = { store: pooledStore(queue), handlers: { a: () => undefined } };
  expect(checkWorker({ ...options, env: {} }).concurrency).toBe(1);
  expect(checkDrain({ ...options, budgetMs: 1_000, env: {} }).concurrency).toBe(10);
});
