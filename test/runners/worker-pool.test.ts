import { expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { testPool } from "../support/pool.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

/** Workers of a type each, over a pool with so many connections. */
function workersOf(
  max: number,
  count: number,
): { readonly store: PgJobStore; readonly workers: readonly Worker[] } {
  const pool = testPool(queue.url, { max });
  const store = new PgJobStore(pgExecutor(pool));
  const workers = Array.from({ length: count }, (_, n) =>
    new Worker({
      // Hot reload makes one store after another over the pool that it keeps.
      store: new PgJobStore(pgExecutor(pool)),
      env: {},
      handlers: { [`t${n}`]: () => undefined },
    }).start(),
  );
  onTestFinished(async () => {
    await Promise.all(workers.map((worker) => worker.stop({ graceMs: 0 })));
    await pool.end();
  });
  return { store, workers };
}

test.for([1, 2, 10])(
  "ten workers over a pool of %s run jobs, and the application enqueues beside them",
  async (max) => {
    const { store, workers } = workersOf(max, 10);
    for (let n = 0; n < 10; n += 1) await store.enqueue(`t${n}`, {});
    await expect
      .poll(() => workers.map(({ counts }) => counts.done), { timeout: 30_000 })
      .toEqual(Array(10).fill(1));
    expect((await store.stats()).counts).toMatchObject({ DONE: 10, READY: 0 });
  },
);

test("workers of one pool are each woken through the one LISTEN that they share", async () => {
  const { workers } = workersOf(4, 6);
  const waiting = (): Promise<unknown[]> => queue.rows("SELECT FROM jobs_waiting WHERE until > now()");
  await expect.poll(waiting, { timeout: 20_000 }).toHaveLength(6);
  await queue.rows("INSERT INTO jobs (job_type) SELECT 't' || n FROM generate_series(0, 5) n");
  await expect
    .poll(() => workers.map(({ counts }) => counts.done), { timeout: 20_000 })
    .toEqual(Array(6).fill(1));
  const [row] = await queue.rows(
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'",
  );
  expect(row?.["n"]).toBe(1);
});
