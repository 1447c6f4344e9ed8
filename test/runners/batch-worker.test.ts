import { expect, test } from "vitest";

import type { PgTransaction } from "../../src/adapters/pg/pg.ts";
import type { UntypedJobs } from "../../src/core/contract.ts";
import { batch } from "../../src/runners/job/batch.ts";
import type { BatchHandler } from "../../src/runners/job/batch.ts";
import type { Handler } from "../../src/runners/job/handler.ts";
import { abortReason, Gate, heedsItsSignal } from "../support/handlers.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { Wire, connectionLost, turnParts } from "../support/wire.ts";

const queue = await testQueue();
type AnyBatch = BatchHandler<UntypedJobs, string, PgTransaction>;

const batches = (
  size: number,
  handler: AnyBatch,
): { readonly a: Handler<UntypedJobs, string, PgTransaction> } => ({
  a: batch({ size }, handler),
});

test("a worker fills each batch, which has one slot, from what is due", async () => {
  await insertJobs(queue, 25);
  const sizes: number[] = [];
  const gates = [new Gate(), new Gate(), new Gate()];
  const handlers = batches(10, async (jobs) => {
    await gates[sizes.push(jobs.length) - 1]?.opened;
  });
  await using worker = startWorker(queue, { concurrency: 2, maxBuffer: 0, handlers });
  await worker.log.until("started", 20);
  // Both slots are taken: the rest waits in the table.
  expect(sizes).toEqual([10, 10]);
  expect(await jobsByStatus(queue)).toEqual({ READY: 5, RUNNING: 20 });
  expect(worker.worker.health.running).toBe(20);
  gates[0]?.open();
  await worker.log.until("started", 25);
  expect(sizes).toEqual([10, 10, 5]);
  gates[1]?.open();
  gates[2]?.open();
  await worker.log.until("done", 25);
  expect(worker.worker.counts).toMatchObject({ done: 25, released: 0 });
});

test("where the poll has left nothing, a batch starts without a further statement", async () => {
  await insertJobs(queue, 3);
  const sizes: number[] = [];
  const wire = new Wire();
  const gate = new Gate();
  const handlers = batches(10, async (jobs) => {
    sizes.push(jobs.length);
    await gate.opened;
  });
  await using worker = startWorker(queue, { wire, concurrency: 5, handlers });
  await worker.log.until("started", 3);
  // One that fills it would ask for the seven that are missing.
  expect(wire.turns().map((turn) => turnParts(turn).slots)).not.toContain(7);
  gate.open();
  await worker.log.until("done", 3);
  expect(sizes).toEqual([3]);
});

test("a lease is extended for each job of a batch; one that is cancelled or lost leaves it, and the others are DONE", async () => {
  await insertJobs(queue, 4);
  const gate = new Gate();
  const reasons: unknown[] = [];
  let batchAborted = false;
  const handlers = batches(4, async (jobs, { signal }) => {
    for (const { signal: own } of jobs)
      own.addEventListener("abort", () => {
        reasons.push(abortReason(own));
      });
    await gate.opened;
    batchAborted = signal.aborted;
    return jobs.map(({ payload }) => payload["n"]);
  });
  await using worker = startWorker(queue, { leaseMs: 1_000, concurrency: 4, handlers });
  await worker.log.until("started", 4);
  const ids = worker.log.of("started").map(({ id }) => id);
  const [cancelled = "", lost = "", ...others] = ids;
  await worker.store.cancel(cancelled);
  await queue.rows(
    "UPDATE jobs SET lease_expires_at = now() + interval '1 h', locked_by = 'other', lease_holder = 'other' WHERE id = $1",
    [lost],
  );
  await worker.log.until("cancelled");
  await worker.log.until("lost");
  // Beyond the length of a lease that nobody extends.
  await worker.wire.until(() =>
    worker.wire.sent.filter(({ kind }) => kind === "extend").length >= 5 ? true : undefined,
  );
  gate.open();
  await worker.log.until("done", 2);
  expect(reasons.sort()).toEqual(["cancelled", "lost"]);
  expect(batchAborted).toBe(false);
  expect(
    worker.log
      .of("done")
      .map(({ id }) => id)
      .sort(),
  ).toEqual([...others].sort());
  const rows = await queue.rows("SELECT status, result FROM jobs WHERE id = ANY ($1)", [[cancelled, lost]]);
  expect(rows.map(({ result }) => result)).toEqual([null, null]);
});

test("the signal of a batch aborts once each job that has no outcome is cancelled", async () => {
  await insertJobs(queue, 3);
  const handlers = batches(3, async ([first], ctx) => {
    if (first !== undefined) ctx.fail(first, new Error("early"));
    await heedsItsSignal(ctx);
  });
  await using worker = startWorker(queue, { leaseMs: 1_000, concurrency: 3, handlers });
  await worker.log.until("retried");
  for (const { id } of worker.log.of("started").slice(1)) await worker.store.cancel(id);
  await worker.log.until("cancelled", 2);
  await worker.worker.stop();
  expect(await jobsByStatus(queue)).toEqual({ CANCELLED: 2, READY: 1 });
});

test("a stop aborts the batch, and what it cuts short is given back without a counted attempt", async () => {
  await insertJobs(queue, 6);
  const handlers = batches(6, (_, ctx) => heedsItsSignal(ctx));
  await using worker = startWorker(queue, { concurrency: 1, handlers });
  await worker.log.until("started", 6);
  await worker.worker.stop({ graceMs: 0 });
  expect(worker.worker.counts).toMatchObject({ released: 6 });
  expect(await queue.rows("SELECT DISTINCT status, attempts FROM jobs")).toEqual([
    { status: "READY", attempts: 0 },
  ]);
});

test("a stop during a fill gives back all that has not started", async () => {
  await insertJobs(queue, 10);
  const wire = new Wire();
  const filling = new Gate();
  const held = new Gate();
  wire.step = async (_, send) => {
    if (wire.turns().length !== 2) return await send();
    filling.open();
    const rows = await send();
    await held.opened;
    return rows;
  };
  await using worker = startWorker(queue, { wire, concurrency: 1, handlers: batches(5, () => undefined) });
  await filling.opened;
  const stopped = worker.worker.stop({ graceMs: 0 });
  setTimeout(() => {
    held.open();
  }, 100);
  await stopped;
  expect(worker.log.names()).not.toContain("started");
  expect(await queue.rows("SELECT DISTINCT status, attempts FROM jobs")).toEqual([
    { status: "READY", attempts: 0 },
  ]);
});

test("a fill whose answer is lost is found by its nonce: each job runs once", async () => {
  await insertJobs(queue, 10);
  const wire = new Wire();
  const ran: string[] = [];
  wire.step = async (_, send) => {
    const lost = wire.turns().length === 2;
    const rows = await send();
    if (lost) throw connectionLost();
    return rows;
  };
  const handlers = batches(5, (jobs) => {
    ran.push(...jobs.map(({ job }) => job.id));
  });
  await using worker = startWorker(queue, { wire, concurrency: 1, handlers });
  await worker.log.until("done", 10);
  expect(new Set(ran).size).toBe(10);
  expect(ran).toHaveLength(10);
  expect(await queue.rows("SELECT DISTINCT status, attempts FROM jobs")).toEqual([
    { status: "DONE", attempts: 1 },
  ]);
});
