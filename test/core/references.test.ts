import { afterEach, beforeEach, expect, test } from "vitest";

import type { Fence } from "../../src/core/job.ts";
import type { Settlement } from "../../src/core/turn/settlement.ts";
import { startWorker } from "../support/test-worker.ts";
import { Wire } from "../support/wire.ts";
import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

// Not there while the queue is emptied: no table is truncated that another refers to.
beforeEach(() => queue.rows("CREATE TABLE invoices (job_id bigint REFERENCES jobs)"));
afterEach(() => queue.rows("DROP TABLE invoices"));

/** Runs `work` while another session's open transaction holds a row that refers to that job. */
async function whileReferredTo<T>(id: string, work: () => Promise<T>): Promise<T> {
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query("INSERT INTO invoices VALUES ($1)", [id]);
  try {
    return await work();
  } finally {
    await client.query("ROLLBACK");
  }
}

const done = (job: Fence): Settlement => ({ job, durationMs: 1, outcome: "done", resultText: null });
const retried = (job: Fence): Settlement => ({
  job,
  durationMs: 1,
  outcome: "retry",
  error: "no",
  due: 0,
});
const released = (job: Fence): Settlement => ({ job, durationMs: null, outcome: "release" });

test("a job that an open transaction refers to is picked up", async () => {
  const id = await queue.insert();
  const turn = whileReferredTo(id, () => store.turn({ pickUp: pickUpOf() }));
  expect(await turn).toMatchObject({ jobs: [{ id }], contended: false });
});

test("a job without attempts that an open transaction refers to is FAILED", async () => {
  const id = await queue.insert({ attempts: "5" });
  const turn = whileReferredTo(id, () => store.turn({ pickUp: pickUpOf() }));
  expect(await turn).toMatchObject({ exhausted: [{ id }] });
});

test.for([
  ["settled", done, "DONE"],
  ["put back for another attempt", retried, "READY"],
  ["released", released, "READY"],
] as const)("a job that an open transaction refers to is %s", async ([, end, status]) => {
  await queue.insert();
  const job = await pickUpOne(store);
  const turn = whileReferredTo(job.id, () => store.turn({ settlements: [end(job)] }));
  expect((await turn).settlements).toMatchObject([{ verdict: "settled", status }]);
});

test("a lease that an open transaction's row refers to is extended", async () => {
  await queue.insert();
  const job = await pickUpOne(store);
  const extended = whileReferredTo(job.id, () => store.extend([job], 60_000));
  expect(await extended).toMatchObject([{ verdict: "extended" }]);
});

test("a lost job that an open transaction refers to is reaped", async () => {
  const id = await queue.insert();
  await pickUpOne(store, { leaseMs: 0 });
  expect(await whileReferredTo(id, () => store.reapStale())).toMatchObject([{ id, status: "READY" }]);
});

test("a job that an open transaction refers to is cancelled, or retried by hand, without waiting", async () => {
  const [running, failed] = [await queue.insert(), await queue.insert({ status: "'FAILED'" })];
  expect(await whileReferredTo(running, () => store.cancel(running))).toMatchObject({ cancelled: true });
  expect(await whileReferredTo(failed, () => store.retry(failed))).toMatchObject({ retried: true });
});

test("a finished job that an open transaction refers to is left to the next prune, which waits for nothing", async () => {
  const id = await queue.insert({ status: "'DONE'", finished_at: "now() - interval '1 hour'" });
  const prune = { olderThanSeconds: 60 };
  expect(await whileReferredTo(id, () => store.prune(prune))).toMatchObject({ deleted: 0 });
  expect(await store.prune(prune)).toMatchObject({ deleted: 1 });
});

test("a handler whose open transaction refers to its own job for longer than a lease keeps it, and runs once", async () => {
  const wire = new Wire();
  const starts: number[] = [];
  await using worker = startWorker(queue, {
    wire,
    leaseMs: 1_000,
    handlers: {
      a: ({ job, store: own }) =>
        own.transaction(async (tx) => {
          starts.push(job.attempts);
          await tx.query("INSERT INTO invoices VALUES ($1::text::bigint)", [job.id]);
          // Three extensions are a lease's length.
          const extensions = (): unknown[] =>
            wire.sent.filter(({ kind, rows }) => kind === "extend" && rows !== undefined);
          await wire.until(() => (extensions().length >= 4 ? true : undefined));
        }),
    },
  });
  await queue.insert();
  await worker.log.until("done");
  expect(starts).toEqual([1]);
  expect(worker.log.of("lost")).toEqual([]);
  expect(await queue.rows("SELECT FROM invoices")).toHaveLength(1);
  await queue.rows("TRUNCATE invoices");
});
