import { randomUUID } from "node:crypto";

import { expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import type { PickedUpJob } from "../../src/core/job.ts";
import type { AttemptError } from "../../src/core/values/attempt-error.ts";
import { PgJobStore } from "../../src/core/store.ts";
import type { Settlement } from "../../src/core/turn/settlement.ts";
import { tableMigrations } from "../../src/migrate/migrations.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";
import { tableDatabase } from "../support/table-database.ts";

const queue = await testQueue();
const { store } = queue;

const retry = (job: PickedUpJob, error: string): Settlement => ({
  job,
  durationMs: 7,
  outcome: "retry",
  error,
  due: 0,
});

async function errorsOf(id: string): Promise<readonly AttemptError[]> {
  return (await store.get(id))?.errors ?? [];
}

test("each attempt that failed leaves an entry: which, when, who, how long, how and why", async () => {
  const id = await queue.insert();
  expect(await errorsOf(id)).toEqual([]);
  const first = await pickUpOne(store);
  expect(first.errors).toEqual([]);
  await store.turn({ settlements: [retry(first, "Error: no")] });
  const entry = { attempt: 1, worker: "worker", durationMs: 7, kind: "failed", error: "Error: no" };
  const [{ at } = { at: new Date(0) }, ...more] = await errorsOf(id);
  expect(more).toEqual([]);
  const [row] = await queue.rows("SELECT updated_at FROM jobs");
  expect(at.getTime()).toBe(new Date(row?.["updated_at"] as Date).getTime());
  const second = await pickUpOne(store);
  expect(second).toMatchObject({ attempts: 2, errors: [{ ...entry, at }] });
  const fail = { job: second, durationMs: null, outcome: "fail", error: "NonRetriableError: never" } as const;
  await store.turn({ settlements: [fail] });
  const last = { attempt: 2, durationMs: null, kind: "failed", error: "NonRetriableError: never" };
  expect(await errorsOf(id)).toMatchObject([entry, last]);
  expect(await store.list({ statuses: ["FAILED"] })).toMatchObject([{ id, errors: [entry, last] }]);
  // What is retried by hand keeps it.
  await store.retry(id);
  expect(await pickUpOne(store)).toMatchObject({ attempts: 1, errors: [] });
  expect(await errorsOf(id)).toHaveLength(2);
});

test("a success leaves no entry, nor a snooze, nor a release that gives the attempt back", async () => {
  for (const outcome of ["done", "snooze", "release"] as const) {
    const id = await queue.insert();
    const job = await pickUpOne(store);
    const settlement: Settlement =
      outcome === "done"
        ? { job, durationMs: 1, outcome, resultText: "1" }
        : outcome === "snooze"
          ? { job, durationMs: 1, outcome, due: 60_000 }
          : { job, durationMs: 1, outcome };
    await store.turn({ settlements: [settlement] });
    expect(await queue.rows("SELECT errors FROM jobs WHERE id = $1", [id])).toEqual([{ errors: null }]);
    await queue.rows("TRUNCATE jobs");
  }
});

test("an attempt that was lost has an entry of its reap, one given back too often of its release", async () => {
  const id = await queue.insert({ released: "10" });
  await store.turn({ settlements: [{ job: await pickUpOne(store), durationMs: null, outcome: "release" }] });
  const lost = await pickUpOne(store);
  await queue.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 s'");
  await store.reapStale();
  expect(await errorsOf(id)).toMatchObject([
    { attempt: 1, kind: "released", error: expect.stringContaining("given back by shutdowns") as string },
    {
      attempt: 2,
      kind: "lost",
      worker: "worker",
      durationMs: null,
      error: expect.stringContaining(lost.lockedBy) as string,
    },
  ]);
});

test("a handler that runs into its timeout, or the end of a budget, leaves an entry that says so", async () => {
  const id = await queue.insert({ timeout_seconds: "1" });
  const late = (ctx: { readonly signal: AbortSignal }): Promise<never> =>
    new Promise((_, reject) => {
      ctx.signal.addEventListener("abort", () => {
        reject(ctx.signal.reason as Error);
      });
    });
  await drainOnce({ store, handlers: { a: late }, budgetMs: 20_000, maxJobs: 1 });
  expect(await errorsOf(id)).toMatchObject([
    { attempt: 1, kind: "timeout", error: expect.stringMatching(/^Error: timed out after 1 s/) as string },
  ]);
});

test("ten entries are kept, the newest, each cut to 1,000 characters", async () => {
  const id = await queue.insert({ max_attempts: "20" });
  for (let n = 1; n <= 12; n += 1) {
    await store.turn({ settlements: [retry(await pickUpOne(store), "é".repeat(2_000))] });
  }
  const errors = await errorsOf(id);
  expect(errors.map(({ attempt }) => attempt)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect(errors.map(({ error }) => error)).toEqual(Array.from({ length: 10 }, () => "é".repeat(1_000)));
});

test("a column that SQL has written something else into keeps no job from being settled or read", async () => {
  for (const errors of ["'{}'", "'5'", "'null'", "'[1, null, []]'"]) {
    const id = await queue.insert({ errors, attempts: "1" });
    const job = await pickUpOne(store);
    expect(job.errors).toEqual([]);
    await store.turn({ settlements: [retry(job, "no")] });
    expect(await errorsOf(id)).toMatchObject([{ attempt: 2, error: "no" }]);
    await queue.rows("TRUNCATE jobs");
  }
});

test("a pick-up whose answer was lost is found with its history", async () => {
  await queue.insert();
  await store.turn({ settlements: [retry(await pickUpOne(store), "no")] });
  const { lockedBy } = await pickUpOne(store);
  expect(await store.findPickUp([lockedBy])).toMatchObject([{ errors: [{ attempt: 1, error: "no" }] }]);
});

test("in a caller's transaction the history is kept too", async () => {
  const id = await queue.insert();
  const { client, store: own } = await queue.session();
  await client.query("BEGIN");
  const within = own.with(client);
  const [job] = await within.pickup({ types: ["a"] });
  if (job !== undefined) await within.markError(job, new Error("no"), 0);
  const [again] = await within.pickup({ types: ["a"] });
  await client.query("COMMIT");
  expect(await errorsOf(id)).toMatchObject([
    { attempt: 1, kind: "failed", error: expect.stringMatching(/^Error: no/) as string },
  ]);
  // Both pick-ups are at the transaction's time, by which the second is due as well.
  expect(again).toMatchObject({ attempts: 2, errors: [{ attempt: 1 }] });
});

test.each([3, 4])(
  "on a table of migration %d jobs are run, read and settled without a history, and with one once it was migrated",
  async (newest) => {
    await using database = await tableDatabase();
    for (const { number, text } of tableMigrations({}, "always"))
      if (number <= newest) await database.rows(text);
    let sent = 0;
    const executor = pgExecutor(database.pool);
    const query: typeof executor.query = (...statement) => {
      sent += 1;
      return executor.query(...statement);
    };
    const old = new PgJobStore({ ...executor, query }, { logger: false });
    const { id } = await old.enqueue("a", {});
    const reap = { staleTimeoutSeconds: 1_200, defaultTimeoutSeconds: 1_200 };
    const pickUp = (): ReturnType<typeof pickUpOf> => pickUpOf({ lockedBy: `w:${randomUUID()}` });
    const fails = async (): Promise<void> => {
      const { jobs } = await old.turn({ pickUp: pickUp(), reap });
      await old.turn({ settlements: jobs.map((job) => retry(job, "no")) });
    };
    await fails();
    expect(await old.get(id)).toMatchObject({ status: "READY", attempts: 1, lastError: "no", errors: [] });
    expect(await old.list()).toMatchObject([{ errors: [] }]);
    await old.transaction(async (tx) => {
      expect(await old.with(tx).reapStale()).toEqual([]);
    });
    const before = sent;
    await old.turn({ reap });
    expect(sent).toBe(before + 1);
    await database.migrate();
    await old.turn({ reap });
    await fails();
    expect(await old.get(id)).toMatchObject({ errors: [{ attempt: 2, kind: "failed", error: "no" }] });
  },
);
