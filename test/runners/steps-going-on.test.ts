import { expect, test } from "vitest";

import type { PgTransaction } from "../../src/adapters/pg/pg.ts";
import type { UntypedJobs } from "../../src/core/contract.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { DrainOptions, DrainReport } from "../../src/runners/drain/drain-options.ts";
import type { JobContext } from "../../src/runners/job/handler.ts";
import { steps } from "../../src/runners/job/job-steps.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { jobRow } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
type Context = JobContext<UntypedJobs, string, PgTransaction>;
type Handler = (ctx: Context) => unknown;

/** A clock that moves with the steps alone. */
let now = 0;
const clock = (): number => now;
const takes = (ms: number) => (): void => {
  now += ms;
};
const drain = (
  a: Handler,
  options: Partial<DrainOptions<UntypedJobs, PgTransaction>> = {},
): Promise<DrainReport> =>
  drainOnce({ store: pooledStore(queue, { max: 2 }), handlers: { a }, steps, budgetMs: 60_000, ...options });

/** Drains until the job has ended, or for a hundred times. */
async function drains(a: Handler, budgetMs: number): Promise<readonly DrainReport[]> {
  const store = pooledStore(queue, { max: 2 });
  const reports: DrainReport[] = [];
  while (reports.length < 100) {
    const report = await drain(a, { store, budgetMs, clock });
    reports.push(report);
    if (report.done + report.failed > 0) break;
  }
  return reports;
}

const sum = (reports: readonly DrainReport[], of: (report: DrainReport) => number): number =>
  reports.reduce((total, report) => total + of(report), 0);

/** Ends with the handler's signal. */
const untilAborted = ({ signal }: Context): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => {
      reject(signal.reason as Error);
    });
  });

test("a job longer than every budget: each step once, no attempt counted, and each drain but the last says continued", async () => {
  const id = await queue.insert();
  let ran = 0;
  const reports = await drains(async ({ step }) => {
    for (let n = 0; n < 20; n += 1) {
      await step(`part ${n}`, () => {
        ran += 1;
        now += 30_000;
      });
    }
  }, 150_000);
  // A second is kept back: four steps fit.
  expect(reports).toHaveLength(5);
  expect(ran).toBe(20);
  expect(sum(reports, ({ continued }) => continued)).toBe(4);
  expect(
    sum(reports, ({ retried, released, snoozed, unsettled }) => retried + released + snoozed + unsettled),
  ).toBe(0);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1, released: 0, errors: null });
});

test("1,000 steps over drains of 300 ms to 5 s, each once", async () => {
  const id = await queue.insert();
  let ran = 0;
  const handler: Handler = async ({ step }) => {
    for (let n = 0; n < 1_000; n += 1) {
      await step(`page ${n}`, () => {
        ran += 1;
        now += 5_000;
        return n;
      });
    }
  };
  const store = pooledStore(queue, { max: 2 });
  const budgets = [30_000, 100_000, 500_000];
  let [count, done] = [0, 0];
  for (; done === 0 && count < 100; count += 1)
    done = (await drain(handler, { store, budgetMs: budgets[count % 3] ?? 30_000, clock })).done;
  // 5, 19 and 99 steps in turn.
  expect({ count, ran }).toEqual({ count: 26, ran: 1_000 });
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1, steps: 1_000 });
});

test("what is left is judged by steps of the same name but for its digits: none of 500 s begins with 300 s left", async () => {
  const id = await queue.insert();
  const begun: number[] = [];
  let end = 0;
  const store = pooledStore(queue, { max: 2 });
  const reports: DrainReport[] = [];
  do {
    end = now + 799_000;
    reports.push(
      await drain(
        async ({ step }) => {
          for (let n = 0; n < 6; n += 1) {
            for (let m = 0; m < 20; m += 1) await step(`short ${n} ${m}`, takes(1_000));
            await step(`long ${n}`, () => {
              begun.push(end - now);
              now += 500_000;
            });
          }
        },
        { store, budgetMs: 800_000, clock },
      ),
    );
  } while (reports.at(-1)?.done === 0 && reports.length < 30);
  expect(begun).toHaveLength(6);
  expect(Math.min(...begun)).toBeGreaterThanOrEqual(500_000);
  expect(reports).toHaveLength(6);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1 });
});

test.for(["returns", "throws"] as const)(
  "a handler that catches everything and %s makes neither a success nor a failure of going on later",
  async (how) => {
    const id = await queue.insert();
    const errors: unknown[] = [];
    const swallow = async (act: () => unknown): Promise<void> => {
      try {
        await act();
      } catch (error) {
        errors.push(error);
      }
    };
    let ran = 0;
    const reports = await drains(
      async ({ step, sleep, stepIn, stepStatement, settleIn, settleStatement, store }) => {
        for (let n = 0; n < 6; n += 1) {
          await swallow(() =>
            step(`part ${n}`, () => {
              ran += 1;
              now += 30_000;
            }),
          );
        }
        if (ran === 6) return "all";
        await swallow(() => sleep("later", { seconds: 3_600 }));
        await swallow(() => store.transaction((tx) => stepIn(tx, "in", 1)));
        await swallow(() => stepStatement("statement", 1));
        await swallow(() => store.transaction((tx) => settleIn(tx, "early")));
        await swallow(() => settleStatement("early"));
        if (how === "throws") throw new Error("everything failed");
        return "done already";
      },
      150_000,
    );
    expect(reports.map(({ continued, done }) => [continued, done])).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(ran).toBe(6);
    expect(errors).toHaveLength(2 + 5);
    expect(errors).toEqual(errors.map(() => expect.objectContaining({ name: "SnoozeError" }) as Error));
    expect(await jobRow(queue, id)).toMatchObject({
      status: "DONE",
      attempts: 1,
      result: "all",
      last_error: null,
    });
  },
);

test("an attempt without progress counts, and ends FAILED after maxAttempts", async () => {
  const id = await queue.insert({ max_attempts: "2" });
  const store = pooledStore(queue);
  const reports: DrainReport[] = [];
  // A drain of a busy machine may end before its first answer.
  while (reports.length < 20 && reports.at(-1)?.failed !== 1) {
    await queue.rows("UPDATE jobs SET run_after = now()");
    reports.push(
      await drain((ctx) => ctx.step("too long for any", () => untilAborted(ctx)), { store, budgetMs: 1_000 }),
    );
  }
  expect(sum(reports, ({ retried }) => retried)).toBe(1);
  expect(sum(reports, ({ continued, released }) => continued + released)).toBe(0);
  expect(await jobRow(queue, id)).toMatchObject({ status: "FAILED", attempts: 2 });
});

test("what is cut short in its second step goes on, and counts no attempt", async () => {
  const id = await queue.insert();
  const report = await drain(
    async (ctx) => {
      await ctx.step("one", () => 1);
      await ctx.step("two", () => untilAborted(ctx));
    },
    { budgetMs: 3_000 },
  );
  expect(report).toMatchObject({ continued: 1, retried: 0 });
  expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 0, steps: 1, errors: null });
});

test("a job that comes too late in a drain is left to the next, ten times before that counts", async () => {
  const id = await queue.insert();
  await queue.rows(
    "INSERT INTO jobs_steps (job_id, name, attempt, duration_ms) VALUES ($1, 'part 0', 1, 50000)",
    [id],
  );
  let ran = 0;
  const handler: Handler = async ({ step }) => {
    await step("part 1", () => (ran += 1));
  };
  await queue.insert({ job_type: "'b'", priority: "1" });
  const report = await drainOnce({
    ...{ store: pooledStore(queue), clock, budgetMs: 100_000, concurrency: 1 },
    handlers: { a: handler, b: takes(60_000) },
    steps,
  });
  expect(report).toMatchObject({ done: 1, released: 1 });
  expect(ran).toBe(0);
  expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 0, released: 1 });
  expect(await drain(handler, { clock, budgetMs: 100_000 })).toMatchObject({ done: 1 });
  // Whoever gets on has not gone round.
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1, released: 0 });
});

test("a drain's shutdown: the step under way is remembered, and the next ends the attempt", async () => {
  const id = await queue.insert();
  const shutdown = new AbortController();
  const ran: string[] = [];
  const handler: Handler = async ({ step }) => {
    await step("one", () => {
      ran.push("one");
      shutdown.abort();
    });
    await step("two", () => ran.push("two"));
  };
  expect(await drain(handler, { signal: shutdown.signal })).toMatchObject({
    continued: 1,
    released: 0,
    stoppedBy: "signal",
  });
  expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 0, released: 0, steps: 1 });
  expect(await drain(handler)).toMatchObject({ done: 1 });
  expect(ran).toEqual(["one", "two"]);
});

test("a worker that is stopped again and again: the job goes on in the next, each step once, with one attempt", async () => {
  const id = await queue.insert();
  const store = pooledStore(queue);
  const ran: number[] = [];
  let stop = (): void => undefined;
  const handler: Handler = async ({ step }) => {
    for (let n = 0; n < 9; n += 1) {
      await step(`part ${n}`, () => {
        ran.push(n);
        if (n % 3 === 2) stop();
      });
    }
  };
  let continued = 0;
  for (let workers = 0; workers < 4; workers += 1) {
    const worker = new Worker({ store, handlers: { a: handler }, steps, env: {} });
    const stopped = new Promise<void>((resolve) => {
      stop = () => {
        resolve(worker.stop());
      };
    });
    worker.start();
    await (workers < 3 ? stopped : expect.poll(() => worker.counts.done, { timeout: 60_000 }).toBe(1));
    await worker.stop();
    continued += worker.counts.continued;
    if ((await jobRow(queue, id))["status"] === "DONE") break;
  }
  expect(ran).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(continued).toBe(2);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1, released: 0 });
});

test("a sleep keeps neither slot nor lease nor attempt, and the job goes on behind it when its time has come", async () => {
  const id = await queue.insert();
  const ran: string[] = [];
  const handler: Handler = async ({ step, sleep }) => {
    await step("before", () => ran.push("before"));
    await sleep("a week", { seconds: 7 * 86_400 });
    await step("after", () => ran.push("after"));
  };
  const report = await drain(handler);
  expect(report).toMatchObject({ snoozed: 1, continued: 0 });
  expect(report.nextDueInMs).toBeGreaterThan(6 * 86_400_000);
  expect(await jobRow(queue, id)).toMatchObject({
    ...{ status: "READY", attempts: 0, released: 0, locked_at: null, lease_expires_at: null, steps: 2 },
  });
  // Woken early, it sleeps on to the same moment.
  const before = (await jobRow(queue, id))["run_after"];
  await queue.rows("UPDATE jobs SET run_after = now()");
  expect(await drain(handler)).toMatchObject({ snoozed: 1 });
  expect((await jobRow(queue, id))["run_after"]).toEqual(before);
  await queue.rows("UPDATE jobs SET run_after = run_after - interval '8 days'");
  await queue.rows("UPDATE jobs_steps SET wakes_at = wakes_at - interval '8 days'");
  expect(await drain(handler)).toMatchObject({ done: 1 });
  expect(ran).toEqual(["before", "after"]);
});

test("a sleep until a moment that has passed returns at once, and a wrong one is refused", async () => {
  await queue.insert();
  const errors: unknown[] = [];
  const report = await drain(async ({ sleep }) => {
    await sleep("past", new Date(0));
    await sleep("none", { seconds: 0 });
    for (const wrong of [{ seconds: -1 }, { seconds: NaN }, new Date(NaN), {}, null, 5])
      await sleep("wrong", wrong as never).catch((error: unknown) => errors.push(error));
  });
  expect(report).toMatchObject({ done: 1, snoozed: 0 });
  expect(errors.map((error) => (error as Error).message)).toEqual(
    Array(6).fill(expect.stringContaining("until: expected a valid Date, or { seconds }")),
  );
});
