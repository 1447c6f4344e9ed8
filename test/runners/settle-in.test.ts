import { beforeAll, beforeEach, expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { DrainReport } from "../../src/runners/drain/drain-options.ts";
import type { JobContext } from "../../src/runners/job/handler.ts";
import type { UntypedJobs } from "../../src/core/contract.ts";
import type { PgTransaction } from "../../src/adapters/pg/pg.ts";
import { jobRow } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
type Context = JobContext<UntypedJobs, string, PgTransaction>;

beforeAll(() => queue.rows("CREATE TABLE effects (job bigint)"));
beforeEach(() => queue.rows("TRUNCATE effects"));

const effects = async (): Promise<number> => (await queue.rows("SELECT FROM effects")).length;
const drain = (a: (ctx: Context) => unknown): Promise<DrainReport> =>
  drainOnce({ store: pooledStore(queue), handlers: { a }, budgetMs: 10_000 });
/** As though the job's lease had ended, and somebody had reaped it. */
const reap = async (id: string): Promise<void> => {
  await queue.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 s' WHERE id = $1", [id]);
  expect(await queue.store.reapStale()).toHaveLength(1);
};

test("effects and settlement commit together, and the run that follows counts as done", async () => {
  const id = await queue.insert();
  const report = await drain(({ store, job, settleIn }) =>
    store.transaction(async (tx) => {
      await tx.query("INSERT INTO effects VALUES ($1)", [job.id]);
      await settleIn(tx, { written: 1 });
      // Nobody sees it before the commit.
      expect(await jobRow(queue, job.id)).toMatchObject({ status: "RUNNING" });
    }),
  );
  expect(report).toMatchObject({ done: 1, retried: 0, lost: 0 });
  expect(await effects()).toBe(1);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", result: { written: 1 }, attempts: 1 });
});

test("a lease that is gone rolls the effects back, and the handler is told", async () => {
  const id = await queue.insert();
  const errors: unknown[] = [];
  const report = await drain(({ store, job, settleIn }) =>
    store
      .transaction(async (tx) => {
        await tx.query("INSERT INTO effects VALUES ($1)", [job.id]);
        if (job.attempts === 1) await reap(job.id);
        await settleIn(tx);
      })
      .catch((error: unknown) => errors.push(error)),
  );
  expect(errors).toMatchObject([{ name: "LeaseLostError", jobId: id }]);
  // The second attempt, which the same drain picked up, has written once.
  expect(report).toMatchObject({ done: 1, lost: 1 });
  expect(await effects()).toBe(1);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 2 });
});

test("a settlement that was made and never committed is a failed attempt that says so", async () => {
  const id = await queue.insert();
  const report = await drain(async ({ store, job, settleIn }) => {
    await store
      .transaction(async (tx) => {
        await tx.query("INSERT INTO effects VALUES ($1)", [job.id]);
        await settleIn(tx, "never stored");
        throw new Error("the handler's own rollback");
      })
      .catch(() => undefined);
    return "as if all were well";
  });
  expect(report).toMatchObject({ done: 0, retried: 1 });
  expect(await effects()).toBe(0);
  const row = await jobRow(queue, id);
  expect(row).toMatchObject({ status: "READY", attempts: 1, result: null });
  expect(row["last_error"]).toContain("the settlement was not committed");
});

test("a statement that was made and never sent is a failed attempt too", async () => {
  const id = await queue.insert();
  expect(
    await drain(({ settleStatement }) => {
      settleStatement("never sent");
    }),
  ).toMatchObject({ retried: 1 });
  expect((await jobRow(queue, id))["last_error"]).toContain("the settlement was not committed");
});

test("a handler that throws after its commit is done", async () => {
  const id = await queue.insert();
  const report = await drain(async ({ store, settleIn }) => {
    await store.transaction((tx) => settleIn(tx, "stored"));
    throw new Error("while tidying up");
  });
  expect(report).toMatchObject({ done: 1, retried: 0 });
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", result: "stored", last_error: null });
});

test("settleStatement settles in a list, or rolls the list back where the lease is gone", async () => {
  const { store } = await queue.session();
  const run = (lost: boolean): Promise<DrainReport> =>
    drain(async ({ job, settleStatement, store: own }) => {
      if (lost && job.attempts === 1) await reap(job.id);
      const effect = { text: "INSERT INTO effects VALUES ($1::text::int8)", params: [job.id] };
      await own.transaction(async (tx) => {
        for (const { text, params } of [effect, settleStatement({ in: "a list" })])
          await tx.query(text, params);
      });
    });
  const kept = await queue.insert();
  expect(await run(false)).toMatchObject({ done: 1 });
  expect(await effects()).toBe(1);
  expect(await store.get(kept)).toMatchObject({ status: "DONE", result: { in: "a list" } });
  const lost = await queue.insert();
  // The first attempt is lost; the second, in the same drain, writes once.
  expect(await run(true)).toMatchObject({ done: 1, lost: 1 });
  expect(await effects()).toBe(2);
  expect(await store.get(lost)).toMatchObject({ status: "DONE", attempts: 2 });
});

test("a job enqueued in the handler's transaction exists exactly if that commits", async () => {
  await queue.insert();
  await drain(async ({ store, settleIn }) => {
    await store.transaction(async (tx) => {
      await store.with(tx).enqueue("kept", {});
      await settleIn(tx);
    });
    await store
      .transaction(async (tx) => {
        await store.with(tx).enqueue("dropped", {});
        throw new Error("no");
      })
      .catch(() => undefined);
  });
  expect(await queue.rows("SELECT job_type FROM jobs WHERE job_type <> 'a'")).toEqual([{ job_type: "kept" }]);
});

test("a result of null is no result, whether the handler settles or its runner does", async () => {
  const byHandler = await queue.insert();
  await drain(({ store, settleIn }) => store.transaction((tx) => settleIn(tx, null)));
  const byRunner = await queue.insert();
  await drain(() => null);
  const rows = await queue.rows(
    "SELECT id::text, status::text, result IS NULL AS none FROM jobs ORDER BY id",
  );
  expect(rows).toEqual([
    { id: byHandler, status: "DONE", none: true },
    { id: byRunner, status: "DONE", none: true },
  ]);
});
