import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { notingErrors } from "../support/between.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { testPool } from "../support/pool.ts";
import { testQueue, type TestStore } from "../support/queue.ts";

const TIMEOUT_MS = 50;
const WAIT = { timeout: 100_000, interval: 50 };

const queue = await testQueue();

/** Two milliseconds and more for each row that is written: at most twenty fit into one statement. */
beforeEach(() =>
  queue.rows(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION slow()`),
);
afterEach(() => queue.rows("DROP FUNCTION slow CASCADE"));

/** A store of a role that may take 50 ms for a statement, and what the server refused. */
function hurriedStore(): { store: TestStore; errors: unknown[] } {
  const pool = testPool(queue.url, { max: 4, statement_timeout: TIMEOUT_MS });
  onTestFinished(() => pool.end());
  const errors: unknown[] = [];
  return { store: new PgJobStore(notingErrors(errors)(pgExecutor(pool))), errors };
}

function startWorker(store: TestStore, starts: string[], concurrency: number): void {
  const worker = new Worker({
    store,
    concurrency,
    env: {},
    handlers: { a: ({ job }) => void starts.push(job.id) },
  }).start();
  onTestFinished(() => worker.stop({ graceMs: 0 }));
}

test("27: with a statement_timeout of 50 ms a worker's turns shrink until they fit, and nothing runs twice", async () => {
  await insertJobs(queue, 80);
  const { store, errors } = hurriedStore();
  const starts: string[] = [];
  startWorker(store, starts, 60);
  await expect.poll(() => jobsByStatus(queue), WAIT).toEqual({ DONE: 80 });
  expect(starts).toHaveLength(80);
  expect(errors).toContainEqual(expect.objectContaining({ code: "57014" }));
});

test("27: with a statement_timeout of 50 ms a drain halves what is too much, and leaves nothing unsettled", async () => {
  await insertJobs(queue, 50);
  const { store, errors } = hurriedStore();
  const starts: string[] = [];
  const report = await drainOnce({
    store,
    budgetMs: 20_000,
    concurrency: 50,
    handlers: { a: ({ job }) => void starts.push(job.id) },
  });
  expect(report).toMatchObject({ done: 50, unsettled: 0, stoppedBy: "empty" });
  expect(starts).toHaveLength(50);
  expect(errors).toContainEqual(expect.objectContaining({ code: "57014" }));
});

test("27: turns that time out waiting for a lock are sent again later; an enqueue says that nothing was written", async () => {
  await insertJobs(queue, 5);
  const { store, errors } = hurriedStore();
  const { client } = await queue.session();
  await client.query("BEGIN; LOCK TABLE jobs");
  const starts: string[] = [];
  startWorker(store, starts, 10);
  await expect.poll(() => errors.length, WAIT).toBeGreaterThan(1);
  await expect(store.enqueue("a", {})).rejects.toMatchObject({ code: "57014" });
  await client.query("COMMIT");
  await expect.poll(() => jobsByStatus(queue), WAIT).toEqual({ DONE: 5 });
  expect(starts).toHaveLength(5);
});
