import { afterAll, beforeEach, expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainAfter, scheduledDrain, type WaitsUntil } from "../../src/integrations/cloudflare.ts";
import { drainAfter as drainAfterAnywhere } from "../../src/integrations/fetch.ts";
import type { DrainReport } from "../../src/runners/drain/drain-options.ts";
import { tableDatabase } from "../support/table-database.ts";

const database = await tableDatabase();
await database.migrate();
const store = new PgJobStore(pgExecutor(database.pool));
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(() => database.rows("TRUNCATE jobs"));

const trigger = { cron: "* * * * *", scheduledTime: 0 };
const handlers = { a: () => "done" };

/** An invocation that ends when all that it was told to wait for has ended. */
function invocation(): WaitsUntil & { ended(): Promise<PromiseSettledResult<unknown>[]> } {
  const waits: Promise<unknown>[] = [];
  return { waitUntil: (promise) => void waits.push(promise), ended: () => Promise.allSettled(waits) };
}

const statuses = (): Promise<unknown> =>
  database.rows("SELECT status, count(*)::int AS n FROM jobs GROUP BY status");

test("a cron trigger drains, with clients made for the invocation and closed at its end", async () => {
  await store.enqueueMany([
    { type: "a", payload: {} },
    { type: "a", payload: {} },
  ]);
  const acts: string[] = [];
  const reports: DrainReport[] = [];
  const scheduled = scheduledDrain((env: { NAME: string }, { cron }) => {
    acts.push(`made for ${env.NAME} at ${cron}`);
    return { store, handlers, close: () => acts.push("closed"), onReport: (report) => reports.push(report) };
  });
  expect(acts).toEqual([]);
  const ctx = invocation();
  await scheduled(trigger, { NAME: "production" }, ctx);
  expect(await ctx.ended()).toEqual([{ status: "fulfilled", value: undefined }]);
  expect(acts).toEqual(["made for production at * * * * *", "closed"]);
  expect(reports).toMatchObject([{ done: 2, stoppedBy: "empty" }]);
  expect(await statuses()).toEqual([{ status: "DONE", n: 2 }]);
});

test("a drain that broke off fails the invocation, without a password, and closes its clients", async () => {
  await store.enqueue("a", {});
  const executor = pgExecutor(database.pool);
  let statements = 0;
  const breaking = new PgJobStore({
    ...executor,
    query: (text, params, options) => {
      statements += 1;
      if (statements > 1) return Promise.reject(new Error("lost postgres://u:hunter2@db/app"));
      return executor.query(text, params, options);
    },
  });
  let closed = false;
  const close = (): void => {
    closed = true;
  };
  const ctx = invocation();
  const redact = (text: string): string => text.replaceAll("app", "[ours]");
  const running = scheduledDrain(() => ({ store: breaking, handlers, close, redact }))(trigger, {}, ctx);
  await expect(running).rejects.toThrow(
    /^drain stopped on an error: .*: lost postgres:\/\/\*\*\*@db\/\[ours\]$/,
  );
  expect((await ctx.ended()).map(({ status }) => status)).toEqual(["rejected"]);
  expect(closed).toBe(true);
});

test("as a Bun cron it gets the trigger alone, and takes the process's environment", async () => {
  await store.enqueue("a", {});
  const environments: unknown[] = [];
  const scheduled = scheduledDrain((env) => {
    environments.push(env);
    return { store, handlers };
  });
  await scheduled(trigger);
  expect(environments).toEqual([process.env]);
  expect(await statuses()).toEqual([{ status: "DONE", n: 1 }]);
});

test("after a response, what the route enqueued runs while the invocation waits", async () => {
  const ctx = invocation();
  await store.enqueue("a", {});
  drainAfter(ctx, { store, handlers });
  expect(await ctx.ended()).toEqual([{ status: "fulfilled", value: undefined }]);
  expect(await statuses()).toEqual([{ status: "DONE", n: 1 }]);
});

test("it takes a platform's function as it takes a context, whose method keeps its object", async () => {
  expect(drainAfterAnywhere).toBe(drainAfter);
  // As Next's `after` and Vercel's `waitUntil` are.
  const waits: Promise<unknown>[] = [];
  await store.enqueue("a", {});
  drainAfter((promise) => waits.push(promise), { store, handlers });
  expect(await Promise.allSettled(waits)).toEqual([{ status: "fulfilled", value: undefined }]);
  // As Netlify's and Hono's contexts are.
  class Context {
    readonly #waits: Promise<unknown>[] = [];
    waitUntil(promise: Promise<unknown>): void {
      this.#waits.push(promise);
    }
    ended = (): Promise<unknown> => Promise.allSettled(this.#waits);
  }
  const context = new Context();
  await store.enqueue("a", {});
  drainAfter(context, { store, handlers });
  await context.ended();
  expect(await statuses()).toEqual([{ status: "DONE", n: 2 }]);
});

test.each<unknown>([undefined, null, {}, "waitUntil"])(
  "what can't wait is refused before anything runs: %j",
  async (given) => {
    await store.enqueue("a", {});
    expect(() => {
      drainAfter(given as WaitsUntil, { store, handlers });
    }).toThrow("waitUntil: expected a function that takes a promise, or a context that has one");
    expect(await statuses()).toEqual([{ status: "READY", n: 1 }]);
  },
);

test("a budget that Cloudflare would cut off after the response is refused", () => {
  const ctx = invocation();
  expect(() => {
    drainAfter(ctx, { store, handlers, budgetMs: 25_001 });
  }).toThrow("budgetMs: expected at most 25000 after a response; received 25001");
});

test("an onReport and a close that reject are logged, waited for, and fail no invocation", async () => {
  const rejects = async (): Promise<never> => {
    await Promise.resolve();
    throw new TypeError("the user's own mistake");
  };
  await store.enqueue("a", {});
  const errors: unknown[] = [];
  const error = (message: string, fields: unknown): void => void errors.push([message, fields]);
  const ctx = invocation();
  const logger = { ...silentLogger, error };
  const scheduled = scheduledDrain(() => ({ store, handlers, onReport: rejects, close: rejects, logger }));
  await scheduled(trigger, {}, ctx);
  expect(await ctx.ended()).toEqual([{ status: "fulfilled", value: undefined }]);
  expect(errors).toEqual([
    ["onReport threw", { error: "TypeError" }],
    ["close threw", { error: "TypeError" }],
  ]);
});

test("a drain that fails after a response is logged, and ends no process where nobody looks at it", async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  const failing = new PgJobStore({
    ...pgExecutor(database.pool),
    query: () => Promise.reject(new Error("lost postgres://u:hunter2@db/app")),
  });
  const logged = new Promise<unknown>((resolve) => {
    const error = (_message: string, fields: unknown): void => {
      resolve(fields);
    };
    drainAfter(
      { waitUntil: () => undefined },
      { store: failing, handlers, logger: { ...silentLogger, error } },
    );
  });
  expect(JSON.stringify(await logged)).toContain("***@db/app");
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
});
