import { expect, test } from "vitest";

import type { PgTransaction } from "../../src/adapters/pg/pg.ts";
import { defineJob } from "../../src/core/contract.ts";
import type { UntypedJobs } from "../../src/core/contract.ts";
import { stepsOf } from "../../src/core/operations/read-steps.ts";
import { redrive } from "../../src/core/operations/redrive.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { DrainOptions, DrainReport } from "../../src/runners/drain/drain-options.ts";
import type { JobContext } from "../../src/runners/job/handler.ts";
import { steps } from "../../src/runners/job/job-steps.ts";
import { jobRow } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { Wire } from "../support/wire.ts";

const queue = await testQueue();
type Context = JobContext<UntypedJobs, string, PgTransaction>;

const drain = (
  a: (ctx: Context) => unknown,
  options: Partial<DrainOptions<UntypedJobs, PgTransaction>> = {},
): Promise<DrainReport> =>
  drainOnce({ store: pooledStore(queue), handlers: { a }, steps, budgetMs: 60_000, ...options });
const dueNow = (): Promise<unknown> => queue.rows("UPDATE jobs SET run_after = now() WHERE status = 'READY'");
const remembered = async (id: string): Promise<readonly string[]> =>
  (await stepsOf(queue.store, id)).map(({ name }) => name);

test("a step runs once: after a failure the job goes on behind what is remembered", async () => {
  const id = await queue.insert();
  const ran: string[] = [];
  const handler = async ({ step, job }: Context): Promise<unknown> => {
    const first = await step("first", () => {
      ran.push("first");
      return { n: 1 };
    });
    if (job.attempts === 1) throw new Error("in between");
    const second = await step("second", async () => {
      ran.push("second");
      return await Promise.resolve(first.n + 1);
    });
    return [first, second];
  };
  expect(await drain(handler)).toMatchObject({ retried: 1, continued: 0 });
  expect(await remembered(id)).toEqual(["first"]);
  await dueNow();
  expect(await drain(handler)).toMatchObject({ done: 1 });
  expect(ran).toEqual(["first", "second"]);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 2, result: [{ n: 1 }, 2] });
});

test("it returns what JSON gives back, the first time and later", async () => {
  await queue.insert();
  const seen: unknown[] = [];
  const handler = async ({ step, job }: Context): Promise<void> => {
    seen.push([
      await step("date", () => ({ at: new Date(0) })),
      await step("nothing", () => undefined).then((value: unknown) => value),
      await step("null", () => null),
      await step("text", () => Promise.resolve("ß 𝄞")),
    ]);
    if (job.attempts === 1) throw new Error("again");
  };
  await drain(handler);
  await dueNow();
  await drain(handler);
  const all = [{ at: "1970-01-01T00:00:00.000Z" }, undefined, null, "ß 𝄞"];
  expect(seen).toEqual([all, all]);
});

const LOSSY: readonly (readonly [string, () => unknown, string])[] = [
  ["NaN", () => ({ list: [1, { n: NaN }] }), 'step "s".list[1].n'],
  ["a Map", () => ({ map: new Map() }), 'step "s".map'],
  ["a bigint", () => 1n, 'step "s"'],
  ["undefined inside", () => ({ a: undefined }), 'step "s".a'],
  ["bytes", () => [new Uint8Array(1)], 'step "s"[0]'],
  ["NUL", () => ["\0"], 'step "s"[0]'],
];

test.for(LOSSY)("a result that JSON would lose is refused with its path: %s", async ([, work, field]) => {
  const id = await queue.insert();
  const errors: unknown[] = [];
  await drain(async ({ step }) => {
    await step("s", work).catch((error: unknown) => errors.push(error));
  });
  expect(errors).toMatchObject([{ name: "InvalidInputError", field }]);
  expect(await remembered(id)).toEqual([]);
});

test("a name is used once in a run, unless its work failed", async () => {
  await queue.insert();
  const errors: unknown[] = [];
  const answers: unknown[] = [];
  const note = (error: unknown): unknown => errors.push(error);
  await drain(async ({ step, sleep }) => {
    await step("a", () => Promise.reject(new Error("the first try"))).catch(note);
    answers.push(await step("a", () => 1));
    await step("a", () => 2).catch(note);
    await sleep("a", { seconds: 0 }).catch(note);
    for (const name of ["", "x".repeat(201), "\0", undefined as never]) await step(name, () => 3).catch(note);
  });
  expect(answers).toEqual([1]);
  expect(errors.map((error) => (error as Error).message.replace(/; received .*/, ""))).toEqual([
    "the first try",
    ...Array<string>(2).fill('name: expected a name that this run has not used: "a" it has'),
    ...Array<string>(4).fill("name: expected a name of 1 to 200 characters"),
  ]);
});

test("a job has 1,000 steps at most, and 1 MiB in all of them", async () => {
  const full = await queue.insert();
  await queue.rows(
    "INSERT INTO jobs_steps (job_id, name, attempt) SELECT $1, 'step ' || n, 1 FROM generate_series(1, 1000) n",
    [full],
  );
  const large = await queue.insert();
  const errors: unknown[] = [];
  await drain(
    async ({ step, job }) => {
      if (job.id === full) await step("one more", () => 1).catch((error: unknown) => errors.push(error));
      else {
        await step("half", () => "x".repeat(600_000));
        await step("all", () => "x".repeat(600_000)).catch((error: unknown) => errors.push(error));
      }
    },
    { concurrency: 1 },
  );
  expect(errors.map((error) => (error as Error).message)).toEqual([
    expect.stringContaining("at most 1000 steps in a job"),
    expect.stringContaining('step "all": expected at most 1048576 bytes in all steps of a job'),
  ]);
  expect(await remembered(large)).toEqual([]);
});

test("steps side by side: one that fails lets the others be remembered before the job is anybody else's", async () => {
  const id = await queue.insert();
  let ran = 0;
  const handler = async ({ step, job }: Context): Promise<void> => {
    await Promise.all(
      [1, 2, 3, 4].map((n) =>
        step(`part ${n}`, async () => {
          ran += 1;
          if (n === 1 && job.attempts === 1) throw new Error("part 1 fails at once");
          await new Promise((resolve) => setTimeout(resolve, 20 * n));
        }),
      ),
    );
  };
  expect(await drain(handler)).toMatchObject({ retried: 1, lost: 0 });
  expect([...(await remembered(id))].sort()).toEqual(["part 2", "part 3", "part 4"]);
  expect((await jobRow(queue, id))["last_error"]).toContain("part 1 fails at once");
  await dueNow();
  expect(await drain(handler)).toMatchObject({ done: 1 });
  expect(ran).toBe(5);
});

test("one statement a step and one read a run; a handler that uses none sends none", async () => {
  const wire = new Wire();
  const store = pooledStore(queue, { wire });
  const sent = async (a: (ctx: Context) => unknown): Promise<number> => {
    await queue.insert();
    wire.sent.length = 0;
    const report = await drain(a, { store });
    expect(report).toMatchObject({ done: 1, statements: wire.sent.length });
    return wire.sent.length;
  };
  const without = await sent(() => 1);
  expect(
    await sent(async ({ step }) => {
      for (let n = 0; n < 5; n += 1) await step(`step ${n}`, () => n);
    }),
  ).toBe(without + 1 + 5);
});

test("statements are counted: a drain keeps maxStatements, and the job goes on in the next", async () => {
  const id = await queue.insert();
  let [ran, drains, most] = [0, 0, 0];
  const store = pooledStore(queue);
  for (let done = 0; done === 0 && drains < 20; drains += 1) {
    const report = await drain(
      async ({ step }) => {
        for (let n = 0; n < 20; n += 1) await step(`step ${n}`, () => (ran += 1));
      },
      { store, maxStatements: 10 },
    );
    most = Math.max(most, report.statements);
    expect(report).toMatchObject({ retried: 0, failed: 0, unsettled: 0 });
    done = report.done;
  }
  expect(most).toBeLessThanOrEqual(10);
  expect({ ran, drains }).toEqual({ ran: 20, drains: 3 });
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1, released: 0 });
});

test("a job that is DONE has no steps, unless its contract keeps them; one that is FAILED has, and goes on by a retry", async () => {
  const jobs = { a: defineJob<object>(), kept: defineJob<object>({ keepSteps: true }) };
  const store = pooledStore(queue, { jobs });
  const [a, kept] = [await store.enqueue("a", {}), await store.enqueue("kept", {})];
  const failing = await store.enqueue("a", {}, { maxAttempts: 1 });
  const ran: string[] = [];
  let fails = true;
  const handlers = {
    a: async ({ step, job }: { step: Context["step"]; job: Context["job"] }) => {
      await step("one", () => ran.push(job.id));
      if (job.id === failing.id && fails) throw new Error("no");
    },
    kept: async ({ step }: { step: Context["step"] }) => {
      await step("one", () => 1);
    },
  };
  expect(await drainOnce({ store, handlers, steps, budgetMs: 60_000 })).toMatchObject({ done: 2, failed: 1 });
  expect(await remembered(a.id)).toEqual([]);
  expect(await remembered(kept.id)).toEqual(["one"]);
  expect(await remembered(failing.id)).toEqual(["one"]);
  fails = false;
  await store.retry(failing.id);
  expect(await drainOnce({ store, handlers, steps, budgetMs: 60_000 })).toMatchObject({ done: 1 });
  expect(ran.sort()).toEqual([a.id, failing.id].sort());
  expect(await remembered(failing.id)).toEqual([]);
});

test("a retry from the start forgets the steps, and so does a redrive", async () => {
  const ids = [await queue.insert({ max_attempts: "1" }), await queue.insert({ max_attempts: "1" })];
  const ran: string[] = [];
  const handler = async ({ step, job }: Context): Promise<void> => {
    await step("one", () => ran.push(job.id));
    throw new Error("no");
  };
  const again = async (how: () => Promise<unknown>): Promise<number> => {
    ran.length = 0;
    await how();
    expect(await drain(handler)).toMatchObject({ failed: 2 });
    return ran.length;
  };
  const { store } = queue;
  const each = (options: object) => (): Promise<unknown> =>
    Promise.all(ids.map((id) => queue.store.retry(id, options)));
  expect(await again(() => Promise.resolve())).toBe(2);
  expect(await again(each({}))).toBe(0);
  expect(await again(each({ fromStart: true }))).toBe(2);
  expect(await again(() => redrive(store, {}))).toBe(0);
  expect(await again(() => redrive(store, {}, { fromStart: true }))).toBe(2);
  await expect(store.retry("1", { fromstart: true } as never)).rejects.toMatchObject({
    name: "InvalidInputError",
  });
});

test("ctx.steps lists what is remembered: name, when, how long, in which attempt", async () => {
  await queue.insert();
  let listed: unknown;
  await drain(async ({ step, steps: list }) => {
    await step("a", () => new Promise((resolve) => setTimeout(resolve, 30)));
    listed = await list();
  });
  expect(listed).toMatchObject([{ name: "a", attempt: 1, at: expect.any(Date) as Date, wakesAt: null }]);
  expect((listed as { durationMs: number }[])[0]?.durationMs).toBeGreaterThanOrEqual(25);
});

test("a context that was copied has the steps, too", async () => {
  await queue.insert();
  const report = await drain(async (ctx) => {
    const copy = { ...ctx, more: 1 };
    expect(await copy.step("a", () => 1)).toBe(1);
    const derived = Object.create(ctx) as Context;
    expect(await derived.step("b", () => 2)).toBe(2);
  });
  expect(report).toMatchObject({ done: 1 });
});

test("a runner that was given no steps says so to the handler that wants them", async () => {
  const id = await queue.insert();
  const report = await drain(({ step }) => step("a", () => 1), { steps: undefined });
  expect(report).toMatchObject({ retried: 1 });
  expect((await jobRow(queue, id))["last_error"]).toContain(
    'steps: expected those of "pqrun/steps" among the runner\'s options',
  );
});
