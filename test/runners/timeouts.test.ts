import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, onTestFinished, test } from "vitest";

import { defineJob } from "../../src/core/contract.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { EventLog } from "../support/event-log.ts";
import { abortReason, Gate, heedsItsSignal, ignoresItsSignal } from "../support/handlers.ts";
import { insertJobs, jobRow } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

test("timeout_seconds of the row aborts the handler, and the attempt says so", async () => {
  const id = await queue.insert({ timeout_seconds: "1" });
  const reasons: unknown[] = [];
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: {
      a: (ctx) => {
        ctx.signal.addEventListener("abort", () => reasons.push(abortReason(ctx.signal)));
        return heedsItsSignal(ctx);
      },
    },
    budgetMs: 10_000,
  });
  expect(report).toMatchObject({ retried: 1, stoppedBy: "empty" });
  expect(reasons).toEqual(["timeout"]);
  const row = await jobRow(queue, id);
  expect(row).toMatchObject({ status: "READY", attempts: 1 });
  expect(row["last_error"]).toMatch(/timed out after 1 s[^]*told to end: timeout/);
});

test("a contract's timeout is written to the row, and governs", async () => {
  const store = pooledStore(queue, { jobs: { a: defineJob<object>({ timeoutSeconds: 1 }) } });
  const { id } = await store.enqueue("a", {});
  expect(await jobRow(queue, id)).toMatchObject({ timeout_seconds: 1 });
  await drainOnce({ store, handlers: { a: heedsItsSignal }, budgetMs: 10_000 });
  expect((await jobRow(queue, id))["last_error"]).toContain("timed out after 1 s");
});

test("a job without a timeout of its own has the runner's", async () => {
  const id = await queue.insert();
  const store = pooledStore(queue);
  await drainOnce({ store, handlers: { a: heedsItsSignal }, budgetMs: 10_000, defaultTimeoutSeconds: 1 });
  expect((await jobRow(queue, id))["last_error"]).toContain("timed out after 1 s");
});

test("a handler that ignores its timeout frees its slot a second later, for the next job", async () => {
  await queue.rows(
    "INSERT INTO jobs (job_type, timeout_seconds, priority) VALUES ('stuck', 1, 1), ('next', 1, 0)",
  );
  const log = new EventLog();
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: { stuck: ignoresItsSignal, next: () => "ran" },
    budgetMs: 10_000,
    concurrency: 1,
    onEvent: log.onEvent,
  });
  expect(report).toMatchObject({ done: 1, retried: 1 });
  expect(log.events.map(({ event, type }) => `${event} ${type}`)).toEqual([
    "started stuck",
    "retried stuck",
    "started next",
    "done next",
  ]);
});

test("what a handler returns or throws after it was given up on changes nothing", async () => {
  const id = await queue.insert({ timeout_seconds: "1" });
  const gate = new Gate();
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: {
      a: async () => {
        await gate.opened;
        throw new Error("much too late");
      },
    },
    budgetMs: 10_000,
  });
  const image = await queue.image(id);
  gate.open();
  await gate.opened;
  expect(report).toMatchObject({ retried: 1 });
  expect(await queue.image(id)).toBe(image);
});

test("a handler that returns although its signal aborted is DONE", async () => {
  const id = await queue.insert({ timeout_seconds: "1" });
  await drainOnce({
    store: pooledStore(queue),
    handlers: { a: (ctx) => heedsItsSignal(ctx).catch(() => "partial") },
    budgetMs: 10_000,
  });
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", result: "partial" });
});

test("a handler does not start whose validator outlived the timeout", async () => {
  const gate = new Gate();
  const validator = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: async (value: unknown) => {
        await gate.opened;
        return { value: value as object };
      },
    },
  } as const;
  let started = false;
  const store = pooledStore(queue, { jobs: { a: defineJob({ payload: validator }) } });
  const id = await queue.insert({ timeout_seconds: "1" });
  const report = await drainOnce({
    store,
    handlers: {
      a: () => {
        started = true;
      },
    },
    budgetMs: 10_000,
  });
  expect(report).toMatchObject({ retried: 1 });
  gate.open();
  await gate.opened;
  await queue.rows("SELECT 1");
  expect(started).toBe(false);
  expect((await jobRow(queue, id))["last_error"]).toContain("timed out after 1 s");
});

test("a timeout longer than a timer can wait does not end at once", async () => {
  const id = await queue.insert({ timeout_seconds: "2147483647" });
  await insertJobs(queue, 1, "b");
  await drainOnce({
    store: pooledStore(queue),
    handlers: { a: () => queue.rows("SELECT 1").then(() => "ran") },
    budgetMs: 5_000,
  });
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", result: "ran" });
});

test("what a fetch throws whose signal is the handler's is an Error that can be read: name, message and reason", async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const { port } = silent.address() as AddressInfo;
  const id = await queue.insert({ timeout_seconds: "1" });
  const thrown: unknown[] = [];
  const handlers = {
    a: async ({ signal }: { readonly signal: AbortSignal }) => {
      await fetch(`http://127.0.0.1:${port}/`, { signal }).catch((error: unknown) => thrown.push(error));
      signal.throwIfAborted();
    },
  };
  await drainOnce({ store: pooledStore(queue), handlers, budgetMs: 10_000 });
  expect(thrown[0]).toBeInstanceOf(Error);
  expect(thrown).toMatchObject([
    { name: "JobAbortedError", message: "the handler was told to end: timeout", reason: "timeout" },
  ]);
  // That reason itself is no cause that tells more.
  expect((await jobRow(queue, id))["last_error"]).not.toContain("JobAbortedError");
});
