import { expect, test } from "vitest";

import { defineJob } from "../../src/core/contract.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { JobFailedError, result } from "../../src/operate.ts";
import { testPool } from "../support/pool.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const pool = testPool(queue.url, { max: 4 });
const jobs = {
  part: defineJob<{ n: number; batch: string }, { square: number }>({ maxAttempts: 1 }),
  sum: defineJob<{ batch: string }, { sum: number }>(),
};
const store = new PgJobStore(pgExecutor(pool), { jobs, logger: false });

test("a result is awaited, with its type, and is there at once when the job is DONE", async () => {
  const { id } = await store.enqueue("part", { n: 3, batch: "b" });
  const waiting = result(store, "part", id);
  await drainOnce({
    store,
    handlers: { part: ({ payload }) => ({ square: payload.n ** 2 }) },
    types: ["part"],
    budgetMs: 60_000,
  });
  const awaited = await waiting;
  expect(awaited?.square).toBe(9);
  expect(await result(store, "part", id)).toEqual({ square: 9 });
});

test("it rejects with the job's error, and says what has become of the job", async () => {
  const failed = await store.enqueue("part", { n: 1, batch: "b" });
  const handlers = {
    part: () => {
      throw new Error("no square");
    },
  };
  await drainOnce({ store, handlers, types: ["part"], budgetMs: 60_000 });
  const error: unknown = await result(store, "part", failed.id).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(JobFailedError);
  expect(error).toMatchObject({ status: "FAILED", jobId: failed.id });
  expect(String(error)).toContain("no square");
  const cancelled = await store.enqueue("part", { n: 1, batch: "b" });
  await store.cancel(cancelled.id);
  await expect(result(store, "part", cancelled.id)).rejects.toMatchObject({ status: "CANCELLED" });
  await expect(result(store, "sum", cancelled.id)).rejects.toMatchObject({ status: null });
});

test("its signal ends the waiting with its reason, and the job goes on", async () => {
  const { id } = await store.enqueue("part", { n: 1, batch: "b" });
  const controller = new AbortController();
  const waiting = result(store, "part", id, { signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await expect(result(store, "part", id, { signal: controller.signal })).rejects.toThrow("enough");
  expect((await store.get(id))?.status).toBe("READY");
});

test("fan-in: who counts the last child down enqueues the next step, once, whatever the order of the children", async () => {
  await queue.rows(
    "CREATE TABLE batches (id text PRIMARY KEY, open int NOT NULL, sum int NOT NULL DEFAULT 0)",
  );
  try {
    await store.transaction(async (tx) => {
      await tx.query("INSERT INTO batches (id, open) VALUES ('b', 20)");
      await store
        .with(tx)
        .enqueueMany(
          Array.from({ length: 20 }, (_, n) => ({ type: "part" as const, payload: { n, batch: "b" } })),
        );
    });
    const report = await drainOnce({
      store,
      concurrency: 4,
      budgetMs: 60_000,
      handlers: {
        part: async ({ payload: { n, batch }, settleIn }) => {
          const square = n ** 2;
          await store.transaction(async (tx) => {
            await settleIn(tx, { square });
            const [row] = await tx.query(
              "UPDATE batches SET open = open - 1, sum = sum + $2::text::int WHERE id = $1::text RETURNING open::text",
              [batch, String(square)],
            );
            if (row?.["open"] !== "0") return;
            await store.with(tx).enqueue("sum", { batch }, { idempotencyKey: `sum:${batch}` });
          });
          return { square };
        },
        sum: async ({ payload: { batch } }) => {
          const { rows } = await pool.query<{ sum: number }>("SELECT sum FROM batches WHERE id = $1", [
            batch,
          ]);
          return { sum: rows[0]?.sum ?? 0 };
        },
      },
    });
    expect(report).toMatchObject({ done: 21, failed: 0 });
    const [sum] = await store.list({ types: ["sum"] });
    expect(await result(store, "sum", sum?.id ?? "")).toEqual({ sum: 2_470 });
  } finally {
    await queue.rows("DROP TABLE batches");
  }
});
