import { expect, test } from "vitest";

import { defineJob } from "../../src/core/contract.ts";
import type { SqlStatement } from "../../src/core/executor.ts";
import type { Fence } from "../../src/core/job.ts";
import { PgJobStore } from "../../src/core/store.ts";
import type { Settlement, SettlementAnswer } from "../../src/core/turn/settlement.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { noting } from "../support/between.ts";
import { testPool } from "../support/pool.ts";
import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;
const deleted = (job: Fence): Settlement => ({
  ...{ job, durationMs: 1, outcome: "done", resultText: `{"n":1}`, remove: true },
  outcome: "done",
});
const settle = async (settlement: Settlement): Promise<SettlementAnswer | undefined> =>
  (await store.turn({ settlements: [settlement] })).settlements[0];

test("a settlement that deletes removes the row, and repeated after a lost reply it is answered already", async () => {
  await queue.insert();
  const job = await pickUpOne(store);
  expect(await settle(deleted(job))).toMatchObject({ verdict: "settled", status: "DONE" });
  expect(await queue.rows("SELECT FROM jobs")).toEqual([]);
  expect(await settle(deleted(job))).toMatchObject({ verdict: "already", status: "DONE" });
});

test("a settlement that deletes and no longer holds the job deletes nothing", async () => {
  const id = await queue.insert();
  const job = await pickUpOne(store);
  const stale: readonly Fence[] = [
    { ...job, attempts: job.attempts + 1 },
    { ...job, lockedBy: `${job.lockedBy}x` },
  ];
  const image = await queue.image(id);
  expect(await settle(deleted(stale[0] ?? job))).toMatchObject({ verdict: "lost" });
  expect(await settle(deleted(stale[1] ?? job))).toMatchObject({ verdict: "lost" });
  expect(await queue.image(id)).toBe(image);
  await store.cancel(id);
  expect(await settle(deleted(job))).toMatchObject({ verdict: "cancelled" });
  await queue.rows("UPDATE jobs SET status = 'READY', locked_by = NULL, attempts = 1");
  expect(await settle(deleted(job))).toMatchObject({ verdict: "lost" });
  expect(await queue.rows("SELECT FROM jobs")).toHaveLength(1);
});

test("a row that another transaction has locked is busy, and holds up none of its batch", async () => {
  await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, 3)");
  const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: 3 }) });
  const [first, second, third] = jobs;
  if (first === undefined || second === undefined || third === undefined) throw new Error("three jobs");
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query("SELECT FROM jobs WHERE id = $1 FOR UPDATE", [first.id]);
  const settlements: Settlement[] = [
    deleted(first),
    deleted(second),
    { job: third, durationMs: 1, outcome: "done", resultText: null },
  ];
  const answer = await store.turn({ settlements });
  expect(answer.settlements.map(({ verdict }) => verdict)).toEqual(["busy", "settled", "settled"]);
  await client.query("COMMIT");
  expect(await queue.rows("SELECT id::text, status FROM jobs ORDER BY jobs.id")).toEqual([
    { id: first.id, status: "RUNNING" },
    { id: third.id, status: "DONE" },
  ]);
});

test("a turn that deletes nothing has the text that it had before", async () => {
  const sent: SqlStatement[] = [];
  const { store: own } = await queue.session({ between: noting(sent) });
  await queue.insert();
  const job = await pickUpOne(own);
  await own.markDone(job);
  expect(sent.filter(({ text }) => text.includes("DELETE FROM"))).toEqual([]);
});

test.for(["drain", "Worker"] as const)(
  "where the contract retains none that is DONE, a %s deletes those alone, and leaves one that a foreign key holds",
  async (runner) => {
    const pool = testPool(queue.url, { max: 4 });
    const jobs = {
      gone: defineJob<{ n: number }>({ retain: { done: 0 }, maxAttempts: 1 }),
      kept: defineJob<{ n: number }>(),
    };
    const own = new PgJobStore(pgExecutor(pool), { jobs, logger: false });
    await queue.rows("CREATE TABLE held (job_id bigint REFERENCES jobs)");
    try {
      const made = await own.enqueueMany([
        ...[0, 1, 2, 3].map((n) => ({ type: "gone" as const, payload: { n } })),
        { type: "kept", payload: { n: 4 } },
      ]);
      await queue.rows("INSERT INTO held VALUES ($1)", [made[1]?.id]);
      const handlers = {
        gone: ({ payload: { n } }: { readonly payload: { readonly n: number } }): number => {
          if (n === 0) throw new Error("no");
          return n;
        },
        kept: () => undefined,
      };
      if (runner === "drain") {
        expect(await drainOnce({ store: own, handlers, budgetMs: 60_000 })).toMatchObject({
          done: 4,
          failed: 1,
        });
      } else {
        await using worker = new Worker({ store: own, handlers, env: {} }).start();
        await expect.poll(() => worker.counts.done, { timeout: 60_000 }).toBe(4);
        await expect.poll(() => worker.counts.failed, { timeout: 60_000 }).toBe(1);
      }
      const rows = await queue.rows("SELECT id::text, status FROM jobs ORDER BY jobs.id");
      expect(rows).toEqual([
        { id: made[0]?.id, status: "FAILED" },
        { id: made[1]?.id, status: "DONE" },
        { id: made[4]?.id, status: "DONE" },
      ]);
    } finally {
      await queue.rows("DROP TABLE held");
      await pool.end();
    }
  },
);

test("what is no 0 is refused by name", () => {
  const given = { retain: { done: 60 } } as unknown as { retain: { done: 0 } };
  expect(() => defineJob(given)).toThrow(expect.objectContaining({ field: "retain.done" }) as Error);
});
