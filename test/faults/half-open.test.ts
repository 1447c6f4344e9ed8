import { beforeAll, expect, onTestFinished, test } from "vitest";

import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { EventLog } from "../support/event-log.ts";
import { abortReason, Gate, heedsItsSignal } from "../support/handlers.ts";
import { jobRow, jobsByStatus } from "../support/job-rows.ts";
import { pickUpOne, testQueue } from "../support/queue.ts";
import { PROXIED } from "./half-open/drivers.ts";
import { Overtime } from "./half-open/overtime.ts";
import { limited } from "./messages/cut.ts";

const queue = await testQueue();
const LEASE_MS = 1_000;

/** What a call may take beyond its deadline on a busy machine. A silence lasts until it is healed, which comes later. */
const LATE_MS = 60_000;

beforeAll(async () => {
  // Their leases end in the past, so that the next runner reaps them: nobody waits for a clock.
  await queue.rows(`CREATE FUNCTION expire() RETURNS void LANGUAGE sql AS
    'UPDATE jobs SET lease_expires_at = now() - interval ''1 s'' WHERE status = ''RUNNING'''`);
});

for (const [name, open] of Object.entries(PROXIED)) {
  test(`${name}: a worker whose connections have gone silent gives up its leases, writes nothing late, and goes on`, async () => {
    const { executor, proxy } = await open(queue.url);
    const overtime = new Overtime();
    const log = new EventLog();
    const aborted = Promise.withResolvers<unknown>();
    const worker = new Worker({
      concurrency: 10,
      store: new PgJobStore(overtime.between(executor)),
      env: {},
      leaseMs: LEASE_MS,
      loopError: { delayMs: () => 20 },
      idlePoll: { delayMs: () => 100 },
      safetyPollSeconds: 1,
      shutdownTimeoutSeconds: 3,
      onEvent: log.onEvent,
      handlers: {
        a: (ctx) =>
          heedsItsSignal(ctx).catch(() => {
            aborted.resolve(abortReason(ctx.signal));
            return "too late";
          }),
        next: () => "in time",
      },
    });
    onTestFinished(() => worker.stop({ graceMs: 0 }));
    const id = await queue.insert();
    worker.start();
    await limited("the start", log.until("started"));
    proxy.blackhole();
    expect(await limited("the abort", aborted.promise, LEASE_MS + LEASE_MS / 12 + LATE_MS)).toBe("lost");

    await queue.rows("SELECT expire()");
    await queue.store.reapStale();
    await queue.rows("UPDATE jobs SET run_after = now() WHERE id = $1", [id]);
    const successor = await pickUpOne(queue.store);
    const image = await queue.image(id);
    await expect.poll(() => overtime.late).toBe(0);
    proxy.heal();
    const next = await queue.insert({ job_type: "'next'" });
    await limited("the next job's end", log.until("done"));
    await limited("the first job's end", log.until("lost"));
    expect(await queue.image(id)).toBe(image);
    await queue.store.markDone(successor, "the successor's");
    expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 2, result: "the successor's" });
    expect(await jobRow(queue, next)).toMatchObject({ status: "DONE", attempts: 1, result: "in time" });

    await limited("the stop", worker.stop({ graceMs: 0 }), 3_000 + LATE_MS);
    expect(overtime.aborted).toBeGreaterThan(0);
    expect(overtime.open).toBe(0);
  });

  test(`${name}: a worker whose database is silent stops in time`, async () => {
    const { executor, proxy } = await open(queue.url);
    const log = new EventLog();
    const worker = new Worker({
      concurrency: 10,
      store: new PgJobStore(executor),
      env: {},
      shutdownTimeoutSeconds: 1,
      onEvent: log.onEvent,
      handlers: { a: heedsItsSignal },
    });
    onTestFinished(() => worker.stop({ graceMs: 0 }));
    await queue.insert();
    worker.start();
    await limited("the start", log.until("started"));
    proxy.blackhole();
    await limited("the stop", worker.stop({ graceMs: 0 }), 1_000 + LATE_MS);
    proxy.heal();
  });

  test(`${name}: a drain whose connections have gone silent ends in its budget, and the next one does its work`, async () => {
    const { executor, proxy } = await open(queue.url);
    const overtime = new Overtime();
    const store = new PgJobStore(overtime.between(executor));
    const id = await queue.insert();
    const started = new Gate();
    const budgetMs = 2_000;
    const drain = drainOnce({
      store,
      budgetMs,
      handlers: {
        a: () => {
          started.open();
          proxy.blackhole();
        },
      },
    });
    await limited("the start", started.opened);
    expect(await limited("the report", drain, budgetMs + LATE_MS)).toMatchObject({
      done: 0,
      unsettled: 1,
      stoppedBy: "error",
    });
    // One that begins in the silence has no answer to give, and says so in time.
    const silent = drainOnce({ store, budgetMs, handlers: { a: () => undefined } });
    const refusal = await limited(
      "the refusal",
      silent.catch((error: unknown) => error),
      budgetMs + LATE_MS,
    );
    expect(refusal).toMatchObject({ name: "UnknownOutcomeError" });
    expect(await jobRow(queue, id)).toMatchObject({ status: "RUNNING", attempts: 1 });
    expect(overtime.aborted).toBeGreaterThan(0);
    expect(overtime.open).toBe(0);

    proxy.heal();
    await queue.rows("SELECT expire()");
    await queue.store.reapStale();
    await queue.rows("UPDATE jobs SET run_after = now() WHERE id = $1", [id]);
    const report = await limited(
      "the next report",
      drainOnce({ store, budgetMs: 10_000, handlers: { a: () => "again" } }),
    );
    expect(report).toMatchObject({ done: 1, stoppedBy: "empty" });
    expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 2, result: "again" });
    expect(await jobsByStatus(queue)).toEqual({ DONE: 1 });
  });

  test(`${name}: a connection that is reset in mid-statement keeps no later statement waiting`, async () => {
    const { executor, proxy } = await open(queue.url);
    const store = new PgJobStore(executor);
    const lock = await queue.session();
    for (let round = 0; round < 3; round += 1) {
      await limited("an enqueue", store.enqueue("a", {}));
      await lock.client.query("BEGIN; LOCK TABLE jobs IN SHARE MODE");
      const enqueued = store.enqueue("a", {}).catch((error: unknown) => error);
      await limited("the wait for the lock", waiting());
      proxy.resetAll();
      expect(await limited("the error", enqueued)).toMatchObject({ name: "UnknownOutcomeError" });
      await lock.client.query("ROLLBACK");
    }
    await limited("the last enqueue", store.enqueue("a", {}));
  });
}

/** Resolves once some session waits for the lock on the table. */
async function waiting(): Promise<void> {
  for (;;) {
    const [row] = await queue.rows(
      "SELECT count(*)::int AS n FROM pg_locks WHERE relation = 'jobs'::regclass AND NOT granted",
    );
    if (row?.["n"] !== 0) return;
  }
}
