import { NonRetriableError, RetryAfterError, SnoozeError } from "../../src/core/errors.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { executor } from "../../src/core/make-executor.ts";
import { equal, ok } from "./assert.ts";
import { marksOf } from "./marks.ts";
import { queueOf } from "./queue.ts";
import type { Promises } from "./subject.ts";

const BUDGET = { budgetMs: 25_000 };
const LATER = new Date("2099-06-01T12:00:00.000Z");

/** What a drain promises over any driver. */
export function drainPromises<Tx>(promise: Promises<Tx>): void {
  drains(promise);
  endings(promise);
  effects(promise);
}

function drains<Tx>(promise: Promises<Tx>): void {
  promise("a drain of an empty queue is one statement", [], async (bench) => {
    const { store } = queueOf(bench);
    const report = await drainOnce({ store, handlers: { a: () => undefined }, ...BUDGET });
    equal([report.statements, report.stoppedBy, report.more, report.nextDueInMs], [1, "empty", false, null]);
  });

  promise("a drain runs jobs, those too that its handlers enqueue, and stores results", [], async (bench) => {
    const { store } = queueOf(bench);
    const { id } = await store.enqueue("first", { text: "ü🐘" });
    const report = await drainOnce({
      store,
      handlers: {
        first: async (ctx) => {
          await ctx.store.enqueue("second", { from: ctx.job.id });
          return { seen: ctx.payload["text"] };
        },
        second: (ctx) => ({ from: ctx.payload["from"] }),
      },
      ...BUDGET,
    });
    equal([report.done, report.stoppedBy, report.more], [2, "empty", false]);
    const results = (await store.list()).map(({ type, status, result }) => [type, status, result]);
    equal(results, [
      ["second", "DONE", { from: id }],
      ["first", "DONE", { seen: "ü🐘" }],
    ]);
  });

  promise("a drain leaves what is not due and what has no handler", [], async (bench) => {
    const { store } = queueOf(bench);
    await store.enqueueMany([
      { type: "stranger", payload: {} },
      { type: "a", payload: {}, runAfter: LATER },
    ]);
    const report = await drainOnce({ store, handlers: { a: () => undefined }, ...BUDGET });
    equal([report.done, report.more, report.nextDueInMs !== null], [0, false, true]);
    equal(
      (await store.list({ statuses: ["READY"] })).map(({ attempts }) => attempts),
      [0, 0],
    );
  });

  promise("two drains at once run two hundred jobs once each", ["rival"], async (bench) => {
    const { store } = queueOf(bench);
    const rival = new PgJobStore(
      executor({ query: async (text, params) => await bench.sql(text, params as (string | null)[]) }),
      bench.table,
    );
    await store.enqueueMany(Array.from({ length: 200 }, (_, n) => ({ type: "a", payload: { n } })));
    const ran: unknown[] = [];
    const handlers = {
      a: (ctx: { readonly payload: Readonly<Record<string, unknown>> }): void => {
        ran.push(ctx.payload["n"]);
      },
    };
    const reports = await Promise.all([
      drainOnce({ store, handlers, ...BUDGET }),
      drainOnce({ store: rival, handlers, ...BUDGET }),
    ]);
    equal([ran.length, new Set(ran).size], [200, 200]);
    equal(
      reports.reduce((sum, { done }) => sum + done, 0),
      200,
    );
    equal((await store.stats()).counts.DONE, 200);
  });
}

function endings<Tx>(promise: Promises<Tx>): void {
  promise("a handler ends by each outcome", [], async (bench) => {
    const { store } = queueOf(bench);
    const types = ["breaks", "fatal", "later", "snoozes"];
    await store.enqueueMany(types.map((type) => ({ type, payload: {} })));
    const report = await drainOnce({
      store,
      handlers: {
        breaks: () => {
          throw new Error("broken 'ü'");
        },
        fatal: () => {
          throw new NonRetriableError("never");
        },
        later: () => {
          throw new RetryAfterError(LATER, "busy");
        },
        snoozes: () => {
          throw new SnoozeError(LATER);
        },
      },
      ...BUDGET,
    });
    equal([report.done, report.retried, report.failed, report.snoozed], [0, 2, 1, 1]);
    const rows = new Map((await store.list()).map((job) => [job.type, job]));
    equal(
      types.map((type) => [rows.get(type)?.status, rows.get(type)?.attempts]),
      [
        ["READY", 1],
        ["FAILED", 1],
        ["READY", 1],
        ["READY", 0],
      ],
    );
    ok(rows.get("breaks")?.lastError?.includes("broken 'ü'") === true, "the error's text");
    equal([rows.get("later")?.runAfter, rows.get("snoozes")?.runAfter], [LATER, LATER]);
  });

  promise("a failed attempt runs again, as the backoff says", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const { id } = await store.enqueue("a", {});
    const report = await drainOnce({
      store,
      handlers: {
        a: (ctx) => {
          if (ctx.job.attempts === 1) throw new Error("once");
        },
      },
      backoff: { delayMs: () => 0 },
      ...BUDGET,
    });
    equal([report.retried, report.done], [1, 1]);
    equal([(await job(id)).status, (await job(id)).attempts], ["DONE", 2]);
  });

  promise("a handler's signal aborts at its timeout, and the attempt counts", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const { id } = await store.enqueue("a", {}, { timeoutSeconds: 1 });
    let reason: unknown;
    const handlers = {
      a: async ({ signal }: { readonly signal: AbortSignal }): Promise<void> => {
        reason = await aborted(signal);
        throw new Error("stopped");
      },
    };
    const report = await drainOnce({ store, handlers, ...BUDGET });
    equal([reason, report.retried, (await job(id)).attempts], ["timeout", 1, 1]);
  });

  promise("an aborted drain gives the attempts back", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const { id } = await store.enqueue("a", {});
    const shutdown = new AbortController();
    let reason: unknown;
    const handlers = {
      a: async ({ signal }: { readonly signal: AbortSignal }): Promise<void> => {
        shutdown.abort();
        reason = await aborted(signal);
        throw new Error("stopped");
      },
    };
    const report = await drainOnce({ store, handlers, signal: shutdown.signal, ...BUDGET });
    equal([reason, report.released, report.stoppedBy], ["shutdown", 1, "signal"]);
    equal([(await job(id)).status, (await job(id)).attempts], ["READY", 0]);
  });
}

function effects<Tx>(promise: Promises<Tx>): void {
  promise("a handler's writes and its settlement are one transaction", ["transaction"], async (bench) => {
    const { store, job } = queueOf(bench);
    const marks = await marksOf(bench);
    const { id } = await store.enqueue("a", {});
    const report = await drainOnce({
      store,
      handlers: {
        a: (ctx) =>
          ctx.store.transaction(async (tx) => {
            const { text, params } = marks.insert("effect");
            await tx.query(text, params);
            await ctx.settleIn(tx, { once: true });
          }),
      },
      ...BUDGET,
    });
    equal([report.done, await marks.all(), (await job(id)).result], [1, ["effect"], { once: true }]);
  });

  promise("a handler's writes and its settlement are one batch", ["batch"], async (bench) => {
    const { store, job } = queueOf(bench);
    const marks = await marksOf(bench);
    const { id } = await store.enqueue("a", {});
    const report = await drainOnce({
      store,
      handlers: {
        a: async (ctx) => {
          await bench.executor.batch([marks.insert("effect"), ctx.settleStatement({ once: true })]);
        },
      },
      ...BUDGET,
    });
    equal([report.done, await marks.all(), (await job(id)).result], [1, ["effect"], { once: true }]);
  });
}

/** Why a handler is told to stop. */
function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    const stop = (): void => resolve((signal.reason as { readonly reason?: unknown }).reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
