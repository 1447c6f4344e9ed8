import { expect, test } from "vitest";

import type { EventLog } from "../support/event-log.ts";
import { abortReason, Gate, heedsItsSignal, ignoresItsSignal, takes } from "../support/handlers.ts";
import { insertJobs, jobRow, jobsByStatus } from "../support/job-rows.ts";
import { timed } from "../support/machine-time.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { Wire, connectionLost, turnParts, untilIdle } from "../support/wire.ts";

const queue = await testQueue();

/** A row whose worker is dead, its lease over. */
const LOST = {
  status: "'RUNNING'",
  attempts: "1",
  locked_at: "now() - interval '1 h'",
  locked_by: "'dead'",
  lease_holder: "'dead'",
  lease_expires_at: "now() - interval '1 s'",
};

test("a lease is extended for as long as its handler runs, and nobody else runs the job", async () => {
  const id = await queue.insert();
  let runs = 0;
  const handlers = {
    a: async (ctx: { readonly signal: AbortSignal }) => {
      runs += 1;
      await takes(2_600)(ctx);
    },
  };
  await using worker = startWorker(queue, { leaseMs: 1_000, handlers });
  await worker.log.until("started");
  await using rival = startWorker(queue, { leaseMs: 1_000, reapIntervalSeconds: 1, handlers });
  await worker.log.until("done");
  expect(worker.wire.sent.filter(({ kind }) => kind === "extend").length).toBeGreaterThanOrEqual(4);
  expect(rival.worker.counts.reaped).toBe(0);
  expect(runs).toBe(1);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1 });
});

test("buffered jobs are extended with the running ones", async () => {
  await insertJobs(queue, 100);
  const gate = new Gate();
  await using worker = startWorker(queue, {
    leaseMs: 1_000,
    concurrency: 2,
    handlers: { a: ({ payload }) => (Number(payload["n"]) <= 20 ? undefined : gate.opened) },
  });
  await worker.log.until("done", 20);
  await worker.wire.answered(({ kind }) => kind === "extend");
  const [left] = await queue.rows(
    "SELECT count(*)::int AS n FROM jobs WHERE status = 'RUNNING' AND lease_expires_at < now()",
  );
  expect(left).toEqual({ n: 0 });
  gate.open();
  await worker.log.until("done", 100);
});

test("of an extension that is too much for one statement each half counts, whatever becomes of the other", async () => {
  await insertJobs(queue, 2);
  const aborted: string[] = [];
  const lost = new Gate();
  const wire = new Wire();
  let kept: string | undefined;
  wire.step = (statement, send) => {
    if (statement.kind !== "extend") return send();
    const fences = JSON.parse(String(statement.params[0])) as readonly { readonly i: number }[];
    kept ??= String(fences[0]?.i);
    // Of one alone the extension is never answered.
    if (fences.length > 1)
      return Promise.reject(Object.assign(new Error("canceling statement"), { code: "57014" }));
    return String(fences[0]?.i) === kept ? send() : new Promise(() => undefined);
  };
  await using worker = startWorker(queue, {
    wire,
    leaseMs: 1_000,
    handlers: {
      a: (ctx) => {
        ctx.signal.addEventListener("abort", () => {
          aborted.push(ctx.job.id);
          lost.open();
        });
        return lost.opened;
      },
    },
  });
  await lost.opened;
  await worker.log.until("done", 2);
  expect(aborted).toHaveLength(1);
  expect(aborted).not.toContain(kept);
});

test("a lease that is lost aborts its handler, which then writes nothing", async () => {
  const id = await queue.insert({ max_attempts: "1" });
  const reasons: unknown[] = [];
  await using worker = startWorker(queue, {
    leaseMs: 1_000,
    handlers: {
      a: (ctx) => {
        ctx.signal.addEventListener("abort", () => reasons.push(abortReason(ctx.signal)));
        return heedsItsSignal(ctx).catch(() => "a result of too late");
      },
    },
  });
  await worker.log.until("started");
  await queue.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 s' WHERE id = $1", [id]);
  await queue.store.reapStale();
  const image = await queue.image(id);
  await worker.log.until("lost");
  expect(reasons).toEqual(["lost"]);
  await worker.worker.stop();
  expect(await queue.image(id)).toBe(image);
  expect(worker.worker.counts).toMatchObject({ lost: 1, done: 0, retried: 0 });
});

test("a cancel aborts the handler, and the row stays CANCELLED", async () => {
  const id = await queue.insert();
  const reasons: unknown[] = [];
  await using worker = startWorker(queue, {
    leaseMs: 1_000,
    handlers: {
      a: (ctx) => {
        ctx.signal.addEventListener("abort", () => reasons.push(abortReason(ctx.signal)));
        return heedsItsSignal(ctx);
      },
    },
  });
  await worker.log.until("started");
  await worker.store.cancel(id);
  const image = await queue.image(id);
  await worker.log.until("cancelled");
  expect(reasons).toEqual(["cancelled"]);
  await worker.worker.stop();
  expect(await queue.image(id)).toBe(image);
});

test("a job that is cancelled in the buffer is told, and never starts", async () => {
  await insertJobs(queue, 100);
  const gate = new Gate();
  await using worker = startWorker(queue, {
    leaseMs: 1_000,
    concurrency: 1,
    handlers: { a: ({ payload }) => (Number(payload["n"]) <= 20 ? undefined : gate.opened) },
  });
  await worker.log.until("started", 21);
  const [buffered] = await queue.rows(
    "SELECT id::text FROM jobs WHERE status = 'RUNNING' ORDER BY id DESC LIMIT 1",
  );
  const id = String(buffered?.["id"]);
  expect(worker.log.of("started").map((event) => event.id)).not.toContain(id);
  await worker.store.cancel(id);
  await worker.log.until("cancelled");
  gate.open();
  await worker.log.until("done", 99);
  expect(worker.log.events.filter((event) => event.id === id)).toMatchObject([{ event: "cancelled" }]);
});

test("a job that is cancelled in the second after its timeout is told as cancelled", async () => {
  const id = await queue.insert({ timeout_seconds: "1" });
  const cancelled = new Gate();
  await using worker = startWorker(queue, {
    leaseMs: 1_000,
    handlers: {
      a: ({ signal }) => {
        signal.addEventListener("abort", () => {
          void queue.store.cancel(id).then(() => {
            cancelled.open();
          });
        });
        return ignoresItsSignal();
      },
    },
  });
  await worker.log.until("cancelled");
  await cancelled.opened;
  expect(worker.worker.counts).toMatchObject({ cancelled: 1, retried: 0 });
});

test("a worker that is cut off aborts its handlers after a lease's length by its own clock", async () => {
  await queue.insert();
  const wire = new Wire();
  const aborted = Promise.withResolvers<unknown>();
  await using worker = startWorker(queue, {
    wire,
    leaseMs: 1_000,
    shutdownTimeoutSeconds: 1,
    handlers: {
      a: (ctx) => {
        ctx.signal.addEventListener("abort", () => {
          aborted.resolve(abortReason(ctx.signal));
        });
        return heedsItsSignal(ctx);
      },
    },
  });
  await worker.log.until("started");
  const startedAt = performance.now();
  const { answer, tookMs } = await timed(queue, () => {
    wire.step = () => Promise.reject(connectionLost());
    return aborted.promise;
  });
  expect(answer).toBe("lost");
  expect(performance.now() - startedAt).toBeGreaterThan(700);
  expect(tookMs).toBeLessThan(1_400);
});

test("one that comes back in time to settle finds its job its own, or not, by the fence alone", async () => {
  const id = await queue.insert();
  const wire = new Wire();
  await using worker = startWorker(queue, { wire, leaseMs: 1_000, handlers: { a: heedsItsSignal } });
  await worker.log.until("started");
  wire.step = () => Promise.reject(connectionLost());
  // Its handler has been aborted, and that it failed could not be settled.
  await wire.until(() =>
    wire.turns().find((turn) => turn.rows === undefined && turnParts(turn).settlements > 0),
  );
  wire.step = (_statement, send) => send();
  await worker.log.until("retried");
  const row = await jobRow(queue, id);
  expect(row).toMatchObject({ status: "READY", attempts: 1 });
  expect(row["last_error"]).toContain("the lease was not extended in time");
});

test("a worker reaps what the dead have left, and runs it", async () => {
  const id = await queue.insert(LOST);
  await using worker = startWorker(queue);
  await worker.log.until("done");
  expect(worker.log.names()).toContain("reaped");
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 2 });
});

test("it reaps on at once while a reap was full", async () => {
  await queue.rows(
    `INSERT INTO jobs (job_type, status, attempts, max_attempts, locked_at, locked_by, lease_holder, lease_expires_at)
     SELECT 'a', 'RUNNING', 1, 1, now(), 'dead', 'dead', now() - interval '1 s' FROM generate_series(1, 250)`,
  );
  // Its clock stands still: the next time never comes.
  await using worker = startWorker(queue, { clock: () => 1_000 });
  await worker.log.until("reaped", 250);
  expect(worker.wire.turns().filter((turn) => turnParts(turn).reaps)).toHaveLength(3);
  expect(await jobsByStatus(queue)).toEqual({ FAILED: 250 });
});

test("it reaps a lease soon after its end, not at the next interval", async () => {
  const id = await queue.insert({ ...LOST, lease_expires_at: "now() + interval '400 ms'" });
  await using worker = startWorker(queue);
  await worker.log.until("done");
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 2 });
});

test("with its reaper off it leaves them", async () => {
  const id = await queue.insert(LOST);
  await using worker = startWorker(queue, { reaper: false });
  await untilIdle(worker.wire);
  expect(await jobRow(queue, id)).toMatchObject({ status: "RUNNING", locked_by: "dead" });
  const { log } = startWorkerOnce();
  await log.until("reaped");
});

/** Another worker beside, which does reap: the row was not out of reach. */
function startWorkerOnce(): { readonly log: EventLog } {
  const { worker, log } = startWorker(queue);
  void log.until("done").then(() => worker.stop());
  return { log };
}

test("what a reap finds without an attempt left is FAILED", async () => {
  const id = await queue.insert({ ...LOST, max_attempts: "1" });
  await using worker = startWorker(queue);
  await worker.log.until("reaped");
  const row = await jobRow(queue, id);
  expect(row).toMatchObject({ status: "FAILED", attempts: 1 });
  expect(row["last_error"]).toContain("lease lost");
});

test("a handler that outlives its timeout loses its slot, not its worker", async () => {
  const id = await queue.insert({ timeout_seconds: "1", priority: "1" });
  await queue.insert({ job_type: "'next'" });
  await using worker = startWorker(queue, {
    concurrency: 1,
    handlers: { a: ignoresItsSignal, next: () => undefined },
  });
  await worker.log.until("done");
  expect(worker.log.names()).toEqual(["started", "retried", "started", "done"]);
  expect((await jobRow(queue, id))["last_error"]).toContain("timed out after 1 s");
});

test("a process that wakes from a stop longer than its leases starts nothing that it had buffered", async () => {
  let asleepMs = 0;
  const gate = new Gate();
  const fences = new Set<string>();
  await using worker = startWorker(queue, {
    concurrency: 1,
    clock: () => performance.now() + asleepMs,
    handlers: {
      a: async ({ payload, job }) => {
        if (payload["n"] === 25) await gate.opened;
        if (Number(payload["n"]) > 25) fences.add(job.lockedBy);
      },
    },
  });
  // Jobs that take no time fill the buffer behind the one that waits.
  await insertJobs(queue, 40);
  await worker.wire.until(() => (worker.log.of("started").length >= 25 ? true : undefined));
  const [row] = await queue.rows(
    "SELECT string_agg(locked_by, ',') AS held FROM jobs WHERE status = 'RUNNING'",
  );
  const held = new Set(String(row?.["held"]).split(","));
  asleepMs = 60_000;
  gate.open();
  await worker.log.until("lost");
  await queue.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 s' WHERE status = 'RUNNING'");
  await queue.store.reapStale();
  worker.worker.wake();
  await worker.log.until("done", 39);
  expect(held.size).toBeGreaterThan(0);
  expect([...fences].filter((fence) => held.has(fence))).toEqual([]);
});
