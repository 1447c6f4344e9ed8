import { beforeAll, beforeEach, expect, test } from "vitest";

import type { PgTransaction } from "../../src/adapters/pg/pg.ts";
import type { UntypedJobs } from "../../src/core/contract.ts";
import { stepsOf } from "../../src/core/operations/read-steps.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { DrainOptions, DrainReport } from "../../src/runners/drain/drain-options.ts";
import type { JobContext } from "../../src/runners/job/handler.ts";
import { steps } from "../../src/runners/job/job-steps.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { jobRow } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { Wire, type Statement } from "../support/wire.ts";

const queue = await testQueue();
type Context = JobContext<UntypedJobs, string, PgTransaction>;

beforeAll(() => queue.rows("CREATE TABLE effects (step text)"));
beforeEach(() => queue.rows("TRUNCATE effects"));

const effects = async (): Promise<unknown> =>
  (await queue.rows("SELECT step FROM effects ORDER BY 1")).map(({ step }) => step);
const drain = (
  a: (ctx: Context) => unknown,
  options: Partial<DrainOptions<UntypedJobs, PgTransaction>> = {},
): Promise<DrainReport> =>
  drainOnce({ store: pooledStore(queue), handlers: { a }, steps, budgetMs: 60_000, ...options });
const dueNow = (): Promise<unknown> => queue.rows("UPDATE jobs SET run_after = now() WHERE status = 'READY'");
/** As though the job's lease had ended, and somebody had reaped it. */
const reap = async (id: string): Promise<void> => {
  await queue.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 s' WHERE id = $1", [id]);
  expect(await queue.store.reapStale()).toHaveLength(1);
};
const isStep = ({ params, kind }: Statement): boolean => kind === "enqueue" && params.length === 10;
/** Does one effect and remembers it, in a transaction. */
const once = ({ step, stepIn, store }: Context, name: string): Promise<unknown> =>
  step(name, () =>
    store.transaction(async (tx) => {
      await tx.query("INSERT INTO effects VALUES ($1)", [name]);
      await stepIn(tx, name, { of: name });
      return "not what is remembered";
    }),
  );

test("effects and memory are committed together, by one statement, and the value is what was remembered", async () => {
  const id = await queue.insert();
  const seen: unknown[] = [];
  const handler = async (ctx: Context): Promise<void> => {
    seen.push(await once(ctx, "charge"));
    if (ctx.job.attempts === 1) throw new Error("after");
  };
  await drain(handler);
  expect(await stepsOf(queue.store, id)).toMatchObject([{ name: "charge", valueText: '{"of": "charge"}' }]);
  await dueNow();
  expect(await drain(handler)).toMatchObject({ done: 1 });
  expect(await effects()).toEqual(["charge"]);
  expect(seen).toEqual([{ of: "charge" }, { of: "charge" }]);
  expect(await jobRow(queue, id)).toMatchObject({ steps: 1 });
});

test("a transaction that comes to nothing remembers nothing, and the step may be tried again", async () => {
  const id = await queue.insert();
  let tries = 0;
  const report = await drain(async (ctx) => {
    const { step, stepIn, store } = ctx;
    const attempt = (): Promise<unknown> =>
      step("charge", () =>
        store.transaction(async (tx) => {
          tries += 1;
          await tx.query("INSERT INTO effects VALUES ('charge')");
          await stepIn(tx, "charge", tries);
          if (tries === 1) throw new Error("rolled back");
          return tries;
        }),
      );
    await expect(attempt()).rejects.toThrow("rolled back");
    expect(await stepsOf(queue.store, id)).toEqual([]);
    expect(await attempt()).toBe(2);
  });
  expect(report).toMatchObject({ done: 1 });
  expect(await effects()).toEqual(["charge"]);
});

test("outside a step of its name it is refused once it is remembered, and the transaction is rolled back", async () => {
  await queue.insert();
  const errors: unknown[] = [];
  const handler = async ({ stepIn, stepStatement, store, job }: Context): Promise<void> => {
    const twice = store.transaction(async (tx) => {
      await tx.query("INSERT INTO effects VALUES ('in')");
      await stepIn(tx, "in", 1);
    });
    await twice.catch((error: unknown) => errors.push(error));
    const { text, params } = stepStatement("list", 1);
    const list = store.transaction(async (tx) => {
      await tx.query("INSERT INTO effects VALUES ('list')");
      await tx.query(text, params);
    });
    await list.catch((error: unknown) => errors.push(error));
    if (job.attempts === 1) throw new Error("again");
  };
  await drain(handler);
  expect(errors).toEqual([]);
  await dueNow();
  expect(await drain(handler)).toMatchObject({ done: 1 });
  expect(errors).toMatchObject([
    { name: "InvalidInputError", field: "name" },
    { message: expect.stringContaining("the step is remembered already") as string },
  ]);
  expect(await effects()).toEqual(["in", "list"]);
});

test("a lease that is lost during the work: nothing is remembered, and the handler is told", async () => {
  const id = await queue.insert();
  const errors: unknown[] = [];
  const report = await drain(async ({ step, job }) => {
    await step("one", () => (job.attempts === 1 ? reap(id) : undefined)).catch((error: unknown) => {
      errors.push(error);
    });
  });
  expect(errors).toMatchObject([{ name: "LeaseLostError", jobId: id }]);
  expect(report).toMatchObject({ lost: 1 });
});

test("two drains that both think they have it: each effect once, each step remembered once", async () => {
  const id = await queue.insert();
  const second = Promise.withResolvers<unknown>();
  const handler = async (ctx: Context): Promise<void> => {
    for (const name of ["one", "two", "three"]) {
      if (name === "two" && ctx.job.attempts === 1) {
        await reap(id);
        second.resolve(await drain(handler));
      }
      await once(ctx, name);
    }
  };
  expect(await drain(handler)).toMatchObject({ lost: 1, done: 0 });
  expect(await second.promise).toMatchObject({ done: 1 });
  expect(await effects()).toEqual(["one", "three", "two"]);
});

test.for(["before", "after"] as const)(
  "an answer that is lost %s the statement is carried out: it is sent again, and the work is not done again",
  async (when) => {
    const wire = new Wire();
    const id = await queue.insert();
    let [lost, ran] = [0, 0];
    wire.step = async (statement, send) => {
      if (!isStep(statement) || lost > 0) return send();
      lost += 1;
      if (when === "after") await send();
      throw new Error("Connection terminated unexpectedly");
    };
    const report = await drain(({ step }) => step("one", () => (ran += 1)), {
      store: pooledStore(queue, { wire }),
    });
    expect(report).toMatchObject({ done: 1, retried: 0 });
    expect({ lost, ran }).toEqual({ lost: 1, ran: 1 });
    expect(wire.sent.filter(isStep)).toHaveLength(2);
    expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", steps: 1, attempts: 1 });
  },
);

test("answers that stay lost fail the attempt, and what was remembered all the same is not done again", async () => {
  const wire = new Wire();
  const id = await queue.insert();
  let [cut, ran] = [true, 0];
  wire.step = async (statement, send) => {
    const rows = await send();
    if (cut && isStep(statement)) throw new Error("Connection terminated unexpectedly");
    return rows;
  };
  const store = pooledStore(queue, { wire });
  const handler = ({ step }: Context): Promise<number> => step("one", () => (ran += 1));
  expect(await drain(handler, { store })).toMatchObject({ retried: 1 });
  expect((await jobRow(queue, id))["last_error"]).toContain("step: the outcome is unknown");
  cut = false;
  await dueNow();
  expect(await drain(handler, { store })).toMatchObject({ done: 1 });
  expect(ran).toBe(1);
});

test("an abandoned statement of a former attempt that comes late remembers nothing", async () => {
  const id = await queue.insert();
  const wire = new Wire();
  const late = Promise.withResolvers<() => Promise<unknown>>();
  let held = 0;
  wire.step = (statement, send) => {
    if (!isStep(statement) || held > 0) return send();
    held += 1;
    late.resolve(send);
    return Promise.reject(new Error("Connection terminated unexpectedly"));
  };
  const ran: number[] = [];
  const report = await drain(
    async ({ step, job }) => {
      await step("one", async () => {
        ran.push(job.attempts);
        if (job.attempts === 1) await reap(id);
      });
    },
    { store: pooledStore(queue, { wire }), maxJobs: 1 },
  );
  expect(report).toMatchObject({ lost: 1 });
  const again = await drain(async ({ step, job }) => {
    await expect((await late.promise)()).rejects.toThrow(/lease lost/);
    await step("one", () => ran.push(job.attempts));
    return (await stepsOf(queue.store, id)).map(({ attempt }) => attempt);
  });
  expect(again).toMatchObject({ done: 1 });
  expect(await jobRow(queue, id)).toMatchObject({ result: [2] });
  expect(ran).toEqual([1, 2]);
});

test("settleIn takes the steps with it, in the same transaction", async () => {
  const id = await queue.insert();
  const report = await drain(async (ctx) => {
    await once(ctx, "one");
    await ctx.store.transaction((tx) => ctx.settleIn(tx, "done"));
  });
  expect(report).toMatchObject({ done: 1 });
  expect(await stepsOf(queue.store, id)).toEqual([]);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", result: "done", steps: 1 });
});

test("a transaction that stays open after stepIn for two leases: nobody reaps, nothing is aborted, the effect is once", async () => {
  const id = await queue.insert();
  const leaseMs = 1_000;
  let aborted: boolean | undefined;
  let reaped: unknown;
  const events: string[] = [];
  await using worker = new Worker({
    ...{ leaseMs, env: {}, store: pooledStore(queue) },
    steps,
    handlers: {
      a: (ctx: Context) =>
        ctx.step("one", () =>
          ctx.store.transaction(async (tx) => {
            await tx.query("INSERT INTO effects VALUES ('one')");
            await ctx.stepIn(tx, "one", 1);
            await new Promise((resolve) => setTimeout(resolve, 2.5 * leaseMs));
            reaped = await queue.store.reapStale();
            aborted = ctx.signal.aborted;
          }),
        ),
    },
    onEvent: ({ event }) => events.push(event),
  });
  worker.start();
  await expect.poll(() => aborted, { timeout: 60_000 }).toBe(false);
  await expect
    .poll(() => jobRow(queue, id), { timeout: 60_000 })
    .toMatchObject({ status: "DONE", attempts: 1 });
  expect(reaped).toEqual([]);
  expect(await effects()).toEqual(["one"]);
  expect(events).toEqual(["started", "done"]);
});
