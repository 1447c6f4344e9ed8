import { beforeEach, expect, test } from "vitest";

import type { PgTransaction } from "../../src/adapters/pg/pg.ts";
import type { UntypedJobs } from "../../src/core/contract.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { JobContext } from "../../src/runners/job/handler.ts";
import { EventLog } from "../support/event-log.ts";
import { abortReason, Gate, ignoresItsSignal } from "../support/handlers.ts";
import { jobRow } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { Wire, loseAnswer, turnParts } from "../support/wire.ts";
import type { Statement } from "../support/wire.ts";

const queue = await testQueue();
type Context = JobContext<UntypedJobs, string, PgTransaction>;

const aborts: unknown[] = [];
beforeEach(() => {
  aborts.length = 0;
});
const noteAbort = ({ signal }: Context): void => {
  signal.addEventListener("abort", () => aborts.push(abortReason(signal)));
};
const settlesIn = ({ store, settleIn }: Context): Promise<void> =>
  store.transaction((tx) => settleIn(tx, "stored"));
const settlesInAList = async ({ store, settleStatement }: Context): Promise<void> => {
  const { text, params } = settleStatement("stored");
  await store.transaction((tx) => tx.query(text, params));
};
const verdictIs =
  (verdict: string) =>
  ({ kind, rows = [] }: Statement): boolean =>
    kind === "extend" && rows.some((row) => row["verdict"] === verdict);

test.for([
  ["settleIn", settlesIn],
  ["settleStatement", settlesInAList],
] as const)(
  "a handler that has settled itself by %s and goes on past an extension is done, and is not told otherwise",
  async ([, settles]) => {
    const id = await queue.insert();
    const gate = new Gate();
    await using worker = startWorker(queue, {
      leaseMs: 1_000,
      handlers: {
        a: async (ctx: Context) => {
          noteAbort(ctx);
          await settles(ctx);
          await gate.opened;
        },
      },
    });
    await worker.wire.answered(verdictIs("already"));
    const extensions = worker.wire.sent.filter(({ kind }) => kind === "extend").length;
    gate.open();
    await worker.log.until("done");
    await worker.worker.stop();
    expect(worker.log.names()).toEqual(["started", "done"]);
    expect(worker.worker.counts).toMatchObject({ done: 1, lost: 0, retried: 0 });
    expect(worker.wire.sent.filter(({ kind }) => kind === "extend")).toHaveLength(extensions);
    expect(aborts).toEqual([]);
    expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", result: "stored", last_error: null });
  },
);

test("a handler whose own transaction has its row locked for longer than a lease has lost nothing", async () => {
  const id = await queue.insert();
  await using worker = startWorker(queue, {
    leaseMs: 1_000,
    handlers: {
      a: async (ctx: Context) => {
        noteAbort(ctx);
        await ctx.store.transaction(async (tx) => {
          await ctx.settleIn(tx, "stored");
          const isOver = async (): Promise<unknown> => {
            const [row] = await queue.rows(
              "SELECT lease_expires_at < now() - interval '300 ms' AS over FROM jobs WHERE id = $1",
              [id],
            );
            return row?.["over"];
          };
          while ((await isOver()) !== true);
        });
      },
    },
  });
  await worker.log.until("done");
  expect(worker.wire.sent.some(verdictIs("busy"))).toBe(true);
  expect(aborts).toEqual([]);
  expect(worker.log.names()).toEqual(["started", "done"]);
});

test("its timeout holds all the same: its slot is free a second later, and its job done", async () => {
  await queue.insert({ timeout_seconds: "1", priority: "1" });
  await queue.insert({ job_type: "'next'" });
  await using worker = startWorker(queue, {
    concurrency: 1,
    handlers: {
      a: async (ctx: Context) => {
        noteAbort(ctx);
        await settlesIn(ctx);
        await ignoresItsSignal();
      },
      next: () => undefined,
    },
  });
  await worker.log.until("done", 2);
  expect(aborts).toEqual(["timeout"]);
  expect(worker.log.names()).toEqual(["started", "done", "started", "done"]);
});

test.for([
  ["ignores the shutdown", () => ignoresItsSignal()],
  [
    "ends upon the shutdown",
    ({ signal }: Context) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          reject(new Error("told to end"));
        });
      }),
  ],
] as const)(
  "a handler that has settled itself and then %s is done, in a worker and in a drain",
  async ([, goesOn]) => {
    const handlers = {
      a: async (ctx: Context) => {
        await settlesIn(ctx);
        settled.open();
        await goesOn(ctx);
      },
    };
    let settled = new Gate();
    const id = await queue.insert();
    const worker = startWorker(queue, { handlers, shutdownTimeoutSeconds: 1 });
    await settled.opened;
    await worker.worker.stop({ graceMs: 0 });
    expect(worker.worker.counts).toMatchObject({ done: 1, released: 0, lost: 0 });
    expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1, released: 0 });

    settled = new Gate();
    await queue.insert();
    const shutdown = new AbortController();
    const drained = drainOnce({
      store: pooledStore(queue),
      handlers,
      budgetMs: 20_000,
      reserveMs: 100,
      signal: shutdown.signal,
    });
    await settled.opened;
    shutdown.abort();
    expect(await drained).toMatchObject({ done: 1, released: 0, unsettled: 0, stoppedBy: "signal" });
  },
);

test("a handler that has settled itself and outlives the drain's budget is done", async () => {
  const id = await queue.insert();
  const handlers = {
    a: async (ctx: Context) => {
      noteAbort(ctx);
      await settlesIn(ctx);
      await ignoresItsSignal();
    },
  };
  const report = await drainOnce({ store: pooledStore(queue), handlers, budgetMs: 600 });
  expect(report).toMatchObject({ done: 1, retried: 0, unsettled: 0 });
  expect(aborts).toEqual(["deadline"]);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", last_error: null });
});

test("a settlement that came to nothing is a failed attempt, also where that had to be settled twice", async () => {
  const id = await queue.insert();
  const wire = new Wire();
  wire.step = (statement, send) => {
    if (statement.kind !== "turn" || turnParts(statement).settlements === 0) return send();
    wire.step = (_statement, sendOn) => sendOn();
    return loseAnswer(statement, send);
  };
  const log = new EventLog();
  await using worker = startWorker(queue, {
    wire,
    onEvent: log.onEvent,
    loopError: { delayMs: () => 10 },
    handlers: {
      a: async (ctx: Context) => {
        await ctx.store.transaction(async (tx) => {
          await ctx.settleIn(tx, "never stored");
          throw new Error("the handler's own rollback");
        });
      },
    },
  });
  await log.until("retried");
  expect(worker.worker.counts).toMatchObject({ done: 0, retried: 1 });
  expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 1, result: null });
});

/** As the Python package does, by id alone: who holds the job stays in the row. */
const pythonCancels = (id: string): Promise<unknown> =>
  queue.rows("UPDATE jobs SET status = 'CANCELLED', finished_at = now(), updated_at = now() WHERE id = $1", [
    id,
  ]);

test.for([
  ["returns", () => undefined],
  ["settles itself, which is refused", settlesIn],
] as const)("a job that Python cancels while its handler %s is cancelled, not done", async ([, ends]) => {
  const id = await queue.insert();
  const log = new EventLog();
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: {
      a: async (ctx: Context) => {
        await pythonCancels(ctx.job.id);
        await ends(ctx);
      },
    },
    budgetMs: 5_000,
    onEvent: log.onEvent,
  });
  expect(report).toMatchObject({ done: 0, cancelled: 1, retried: 0 });
  expect(log.names()).toEqual(["started", "cancelled"]);
  expect(await jobRow(queue, id)).toMatchObject({ status: "CANCELLED", result: null });
});

test("a cancel of Python's aborts the handler at the next extension", async () => {
  const id = await queue.insert();
  await using worker = startWorker(queue, {
    leaseMs: 1_000,
    handlers: {
      a: (ctx: Context) => {
        noteAbort(ctx);
        return ignoresItsSignal();
      },
    },
  });
  await worker.log.until("started");
  await pythonCancels(id);
  await worker.log.until("cancelled");
  expect(aborts).toEqual(["cancelled"]);
});
