import { afterEach, beforeAll, expect, test, vi } from "vitest";

import { causesText } from "../../src/core/values/error-text.ts";
import { failureText } from "../../src/cli/terminal/failure-text.ts";
import type { LogFields, Logger } from "../../src/core/logger.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { scheduledDrain } from "../../src/integrations/cloudflare.ts";
import { drainRoute } from "../../src/integrations/fetch.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { JobEvent } from "../../src/runners/job/job-event.ts";
import { executor } from "../../src/core/make-executor.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { insertJobs } from "../support/job-rows.ts";
import { expectCanary, plantCanary } from "./canary.ts";
import { HOSTILE, LEAKY, SECRET } from "./thrown.ts";

const queue = await testQueue();
const { store } = queue;
beforeAll(() => plantCanary(queue));
afterEach(() => expectCanary(queue));

const lines: string[] = [];
const log = (message: string, fields?: LogFields): void => {
  lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
};
const logger: Logger = { debug: log, info: log, warn: log, error: log };
const throwing = (thrown: unknown) => (): never => {
  throw thrown;
};
const lastErrors = async (): Promise<string[]> =>
  (await queue.rows("SELECT last_error FROM jobs ORDER BY id")).map((row) => String(row["last_error"]));

/** An event as a line of a log: what the handler threw is the hook's own business, and documented so. */
const told = ({ error: _, ...event }: JobEvent): string => JSON.stringify(event);

test("no secret that is thrown, in whatever shape, is in last_error, in events or in logs", async () => {
  await insertJobs(queue, LEAKY.length);
  const events: string[] = [];
  const handlers = {
    a: ({ payload }: { payload: unknown }) => throwing(LEAKY[(payload as { n: number }).n - 1])(),
  };
  const report = await drainOnce({
    store,
    handlers,
    logger,
    onEvent: (event) => events.push(told(event)),
    budgetMs: 20_000,
    concurrency: 100,
  });
  expect(report.retried).toBe(LEAKY.length);
  const stored = await lastErrors();
  expect(stored.filter((text) => text.includes(SECRET))).toEqual([]);
  expect(stored.join()).toContain("***");
  expect([...events, ...lines].filter((line) => line.includes(SECRET))).toEqual([]);
});

test.for(Object.entries(HOSTILE))(
  "a handler that throws %s is a failed attempt like another",
  async ([, thrown]) => {
    await insertJobs(queue, 1);
    const handlers = { a: throwing(thrown) };
    expect(await drainOnce({ store, handlers, budgetMs: 10_000 })).toMatchObject({
      retried: 1,
      unsettled: 0,
    });
    const [text = ""] = await lastErrors();
    expect(text).not.toBe("");
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(10_000);
    expect(text).not.toContain(SECRET);
    for (const printed of [causesText(thrown), failureText(thrown)]) {
      expect(printed).not.toContain(SECRET);
      expect(Buffer.byteLength(printed)).toBeLessThanOrEqual(10_000);
    }
  },
);

test.for(Object.entries(HOSTILE))("a result that is %s never fails its job", async ([name, returned]) => {
  await insertJobs(queue, 1);
  const report = await drainOnce({ store, handlers: { a: () => returned as object }, budgetMs: 10_000 });
  // Awaiting such a value throws within the handler's own promise: that is the handler's failure.
  const unawaitable = ["a Proxy whose traps throw", "a revoked Proxy", "a thenable", "a Proxy of an error"];
  expect(report).toMatchObject(unawaitable.includes(name) ? { retried: 1 } : { done: 1 });
});

test("a database that fails with a secret tells it to no log and to no route's caller", async () => {
  for (const thrown of LEAKY.filter((_, index) => index % 3 === 0)) {
    const failing: SqlExecutor = executor({ query: () => Promise.resolve().then(throwing(thrown)) });
    const broken = new PgJobStore(failing);
    const handlers = { a: () => undefined };
    const secret = "correct horse battery";
    const headers = { authorization: `Bearer ${secret}` };
    const route = drainRoute({ store: broken, handlers, budgetMs: 1_000, secret, logger });
    const response = await route(new Request("https://app.example/", { headers }));
    const body = await response.text();
    expect(response.status).toBe(500);
    expect(body).not.toContain(SECRET);
    for (const value of Object.values(JSON.parse(body) as object)) {
      expect(
        ["number", "boolean", "object"].includes(typeof value) ||
          value === "error" ||
          value === "Internal Server Error",
      ).toBe(true);
    }
    const scheduled = scheduledDrain(() => ({ store: broken, handlers, logger, budgetMs: 1_000 }));
    const failure: unknown = await scheduled({ cron: "* * * * *", scheduledTime: 0 }, {}).catch(
      (error: unknown) => error,
    );
    expect(String((failure as Error).stack)).not.toContain(SECRET);
    expect(failureText(thrown)).not.toContain(SECRET);
  }
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.filter((line) => line.includes(SECRET))).toEqual([]);
});

test("a worker whose database fails with a secret, and whose policies throw it, logs it nowhere", async () => {
  await insertJobs(queue, 1);
  const broken = vi.fn();
  await using running = startWorker(queue, {
    logger,
    loopError: { delayMs: throwing(LEAKY[1]) },
    backoff: { delayMs: throwing(LEAKY[2]) },
    handlers: { a: throwing(LEAKY[3]) },
    between: (executor) => ({
      ...executor,
      query: (...args) => {
        if (broken.mock.calls.length >= 3) return executor.query(...args);
        broken();
        return Promise.resolve().then(throwing(LEAKY[1 + broken.mock.calls.length]));
      },
    }),
  });
  await running.log.until("retried");
  expect(broken).toHaveBeenCalledTimes(3);
  expect(lines.join("\n")).toMatch(/the database did not settle|LISTEN failed/);
  expect(lines.join("\n")).toContain("threw");
  expect([...lines, ...(await lastErrors())].filter((line) => line.includes(SECRET))).toEqual([]);
});

test("why a result was not stored is within the cap, and passes the application's own redaction", async () => {
  await insertJobs(queue, 1);
  const message = "card 4111 ".repeat(2_000);
  const handlers = { a: () => ({ toJSON: throwing(new Error(message)) }) };
  const redact = (text: string): string => text.replaceAll("4111", "****");
  expect(await drainOnce({ store, handlers, redact, budgetMs: 10_000 })).toMatchObject({ done: 1 });
  const [text = ""] = await lastErrors();
  expect(text).toMatch(/^the result was not stored: Error: card \*\*\*\* /);
  expect(text).not.toContain("4111");
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(10_000);
});
