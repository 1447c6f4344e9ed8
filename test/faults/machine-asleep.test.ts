import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Gate, takes } from "../support/handlers.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker, type TestWorker } from "../support/test-worker.ts";
import { Wire, turnParts } from "../support/wire.ts";

const queue = await testQueue();
/** Longer than any lease here, and any budget. */
const ASLEEP_MS = 3_600_000;
const LEASE_MS = 3_000;

/** A clock that goes on while the machine sleeps, where the monotonic one stands still. */
class Calendar {
  aheadMs = 0;
  readonly now = (): number => Date.now() + this.aheadMs;
}

interface Buffering {
  readonly worker: TestWorker;
  readonly calendar: Calendar;
  /** At which the only job that runs waits. */
  readonly gate: Gate;
  /** The holders of what started after that. */
  readonly startedBy: Set<string>;
  /** The holders of what is held while it waits. */
  readonly held: ReadonlySet<string>;
}

/** A worker with a buffer full of jobs behind one that waits. */
async function buffering(): Promise<Buffering> {
  const [calendar, gate, startedBy] = [new Calendar(), new Gate(), new Set<string>()];
  const worker = startWorker(queue, {
    concurrency: 1,
    leaseMs: LEASE_MS,
    calendar: calendar.now,
    handlers: {
      a: async ({ payload, job }) => {
        if (payload["n"] === 25) await gate.opened;
        if (Number(payload["n"]) > 25) startedBy.add(job.lockedBy);
      },
    },
  });
  // Jobs that take no time fill the buffer.
  await insertJobs(queue, 40);
  await worker.log.until("started", 25);
  const rows = await queue.rows(
    "SELECT DISTINCT locked_by FROM jobs WHERE status = 'RUNNING' AND (payload->>'n')::int > 25",
  );
  expect(rows).not.toEqual([]);
  return { worker, calendar, gate, startedBy, held: new Set(rows.map((row) => String(row["locked_by"]))) };
}

const extensions = ({ wire }: TestWorker): number =>
  wire.sent.filter(({ kind, rows }) => kind === "extend" && rows !== undefined).length;

test("a worker whose machine has slept for longer than its leases starts nothing that it had buffered", async () => {
  const { worker, calendar, gate, startedBy, held } = await buffering();
  await using _ = worker;
  // Meanwhile its leases have ended, and others have reaped.
  await queue.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 s' WHERE status = 'RUNNING'");
  await queue.store.reapStale();
  calendar.aheadMs = ASLEEP_MS;
  gate.open();
  await worker.log.until("lost");
  worker.worker.wake();
  await worker.log.until("done", 39);
  expect([...startedBy].filter((fence) => held.has(fence))).toEqual([]);
});

test("a calendar that is set forward has a worker extend what it had buffered, and costs no attempt", async () => {
  const { worker, calendar, gate, startedBy, held } = await buffering();
  await using _ = worker;
  calendar.aheadMs = ASLEEP_MS;
  const before = extensions(worker);
  gate.open();
  await worker.log.until("done", 40);
  expect(extensions(worker)).toBeGreaterThan(before);
  expect([...held].every((fence) => startedBy.has(fence))).toBe(true);
  expect(worker.worker.counts).toMatchObject({ done: 40, lost: 0, released: 0, retried: 0 });
});

test("one that is set back changes nothing", async () => {
  const { worker, calendar, gate, startedBy, held } = await buffering();
  await using _ = worker;
  worker.wire.step = (statement, send) =>
    statement.kind === "extend" ? Promise.reject(new Error("not needed")) : send();
  calendar.aheadMs = -ASLEEP_MS;
  gate.open();
  await worker.log.until("done", 40);
  expect([...held].every((fence) => startedBy.has(fence))).toBe(true);
  expect(worker.worker.counts).toMatchObject({ done: 40, lost: 0, released: 0 });
});

test("what a worker was picking up while its machine slept is extended, or lost, before it starts", async () => {
  const [calendar, wire, log] = [new Calendar(), new Wire(), [] as string[]];
  wire.step = async (statement, send) => {
    const rows = await send();
    if (statement.kind === "turn" && turnParts(statement).slots > 0) {
      if (rows.length > 1 && calendar.aheadMs === 0) calendar.aheadMs = ASLEEP_MS;
    }
    log.push(statement.kind);
    return rows;
  };
  await queue.insert();
  await using worker = startWorker(queue, {
    wire,
    leaseMs: LEASE_MS,
    calendar: calendar.now,
    handlers: { a: () => void log.push("started") },
  });
  await worker.log.until("done");
  expect(log.slice(0, log.indexOf("started"))).toContain("extend");
});

test("a drain whose machine has slept for longer than its budget starts nothing more, and gives it back", async () => {
  await insertJobs(queue, 6);
  const calendar = new Calendar();
  const report = await drainOnce({
    store: pooledStore(queue),
    concurrency: 2,
    batchSize: 6,
    budgetMs: 60_000,
    calendar: calendar.now,
    handlers: {
      a: async ({ signal, payload }) => {
        if (payload["n"] === 2) calendar.aheadMs = ASLEEP_MS;
        // It goes on: a calendar that is put right must not cost it its attempt.
        else await takes(50)({ signal });
      },
    },
  });
  expect(report).toMatchObject({ done: 2, released: 4, retried: 0, stoppedBy: "budget", more: true });
  expect(await queue.rows("SELECT DISTINCT attempts FROM jobs WHERE status = 'READY'")).toEqual([
    { attempts: 0 },
  ]);
});

test("a drain starts nothing of an answer that has waited for longer than its lease lasts", async () => {
  // Its lease ends ten seconds after its timeout, and the budget is not spent by then.
  await queue.insert({ timeout_seconds: "1" });
  await queue.insert({ timeout_seconds: "600" });
  const [calendar, wire] = [new Calendar(), new Wire()];
  wire.step = async (statement, send) => {
    const rows = await send();
    if (wire.turns()[0] === statement) calendar.aheadMs = 12_000;
    return rows;
  };
  const started: (number | null)[] = [];
  const report = await drainOnce({
    store: pooledStore(queue, { wire }),
    budgetMs: 60_000,
    maxJobs: 2,
    calendar: calendar.now,
    handlers: { a: ({ job }) => void started.push(job.timeoutSeconds) },
  });
  expect(started).toEqual([600]);
  expect(report).toMatchObject({ done: 1, released: 1 });
  expect(await jobsByStatus(queue)).toEqual({ DONE: 1, READY: 1 });
});
