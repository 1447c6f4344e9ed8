import { readFileSync } from "node:fs";

import { afterEach, expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { jobsByStatus } from "../support/job-rows.ts";
import { pythonNoHandler } from "../support/python-statements.ts";
import { PythonWorker } from "../support/python-worker.ts";
import { pickUpOne, testQueue } from "../support/queue.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { startWorker } from "../support/test-worker.ts";
import { untilIdle } from "../support/wire.ts";

const queue = await testQueue();
const GUARD = readFileSync(new URL("../../sql/patterns/python-guard.sql", import.meta.url), "utf8");
const JOBS = 3_000;
afterEach(() => queue.rows("DROP TRIGGER IF EXISTS jobs_python_guard ON jobs"));
const TYPES = ["a", "b", "c"] as const;

async function enqueueAll(): Promise<void> {
  await queue.store.enqueueMany(
    Array.from({ length: JOBS }, (_, n) => ({
      type: TYPES[n % 3] ?? "a",
      payload: { n },
      priority: n % 4,
      ...(n % 5 === 0 ? { dedupeKey: `key-${n}` } : {}),
    })),
  );
}

const unfinished = async (): Promise<number> => {
  const [row] = await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE status IN ('READY', 'RUNNING')");
  return Number(row?.["n"]);
};

/** Runs a job of every eleventh number once in vain. */
function fleetHandlers(starts: Map<string, number>) {
  const run = (id: string): void => {
    const before = starts.get(id) ?? 0;
    starts.set(id, before + 1);
    if (before === 0 && Number(id) % 11 === 0) throw new Error("the first try fails");
  };
  const pqrun = ({ job }: { job: { id: string } }): void => {
    run(job.id);
  };
  return { python: { a: run, b: run, c: run }, pqrun: { a: pqrun, b: pqrun, c: pqrun } };
}

test.for([
  ["without the guard", ""],
  ["with the guard", GUARD],
] as const)(
  "workers and drains of pqrun beside Python's, of which some die: nothing is lost, and each job ends once, %s",
  { timeout: 120_000 },
  async ([, guard]) => {
    if (guard !== "") await queue.rows(guard);
    await enqueueAll();
    const starts = new Map<string, number>();
    let unsettled = 0;
    const handlers = fleetHandlers(starts);
    const due = { delayMs: () => 0 };
    const idle = { idlePoll: { delayMs: () => 50 }, backoff: due, handlers: handlers.pqrun };
    const pythons = await Promise.all(
      [1, 2, 3, 4].map((n) =>
        PythonWorker.connect({ url: queue.url, name: `python-${n}`, handlers: handlers.python }),
      ),
    );
    const dying = await PythonWorker.connect({ url: queue.url, name: "dying", handlers: {} });
    const died = [await dying.pickUp(), await dying.pickUp(), await dying.pickUp()].map(
      (job) => job?.id ?? "",
    );
    await dying[Symbol.asyncDispose]();
    // A dead Python worker's jobs are judged by Python's rule: twenty minutes without a word.
    await queue.rows("UPDATE jobs SET locked_at = now() - interval '21 minutes' WHERE locked_by = 'dying'");
    {
      await using one = startWorker(queue, idle);
      await using other = startWorker(queue, { ...idle, concurrency: 3, reapIntervalSeconds: 1 });
      let over = false;
      const drains = [1, 2].map(async () => {
        const store = pooledStore(queue);
        while (!over) {
          const drain = { store, handlers: handlers.pqrun, backoff: due, budgetMs: 2_000, concurrency: 5 };
          unsettled += (await drainOnce(drain)).unsettled;
        }
      });
      const ended = async (): Promise<boolean> => (over ||= (await unfinished()) === 0);
      await Promise.all([...pythons.map((python) => python.run(ended)), ...drains]);
      expect(one.worker.counts.lost + other.worker.counts.lost).toBe(0);
    }
    await Promise.all(pythons.map((python) => python[Symbol.asyncDispose]()));
    expect(await jobsByStatus(queue)).toEqual({ DONE: JOBS });
    expect(starts.size).toBe(JOBS);
    // A drain whose budget ended before the answer to its last settlement leaves jobs to be run again, and says so.
    const again = [...starts].filter(([id, count]) => count !== (Number(id) % 11 === 0 ? 2 : 1));
    expect(again.length).toBeLessThanOrEqual(unsettled);
    const attempts = await queue.rows(
      "SELECT id::text, attempts FROM jobs WHERE id = ANY($1::text[]::bigint[])",
      [died],
    );
    expect(attempts).toHaveLength(3);
    for (const row of attempts) expect(Number(row["attempts"])).toBeGreaterThanOrEqual(2);
  },
);

test("the lease rule holds for a lease of the holder's own, and Python's rule for every other row", async () => {
  const running = { status: "'RUNNING'", attempts: "1" };
  const old = "now() - interval '21 minutes'";
  const ended = "now() - interval '1 second'";
  const live = "now() + interval '1 minute'";
  const mine = { ...running, locked_by: "'w:1'", lease_holder: "'w:1'" };
  const python = { ...running, locked_by: "'python'" };
  const stays = [
    await queue.insert({ ...mine, lease_expires_at: live, locked_at: old }),
    await queue.insert({ ...python, locked_at: "now() - interval '19 minutes'" }),
    await queue.insert({ ...python, locked_at: old, timeout_seconds: "3600" }),
    // What another attempt's lease left behind: Python picked the job up since.
    await queue.insert({ ...python, locked_at: "now()", lease_holder: "'w:1'", lease_expires_at: ended }),
  ];
  const goes = [
    await queue.insert({ ...mine, lease_expires_at: ended, locked_at: "now()" }),
    await queue.insert({ ...python, locked_at: old }),
    await queue.insert({ ...python, locked_at: "now() - interval '61 seconds'", timeout_seconds: "60" }),
    await queue.insert({ ...python, locked_at: old, lease_holder: "'w:1'", lease_expires_at: live }),
  ];
  const reaped = (await queue.store.reapStale()).map(({ id }) => id);
  expect(reaped.toSorted()).toEqual(goes.toSorted());
  const rows = await queue.rows("SELECT id::text FROM jobs WHERE status = 'RUNNING' ORDER BY id");
  expect(rows.map(({ id }) => id)).toEqual(stays);
});

test("Python's reaper takes a lease that was not extended for its timeout, and none that was", async () => {
  await queue.store.enqueueMany([1, 2].map(() => ({ type: "a", payload: {} })));
  const [extended, silent] = [await pickUpOne(queue.store), await pickUpOne(queue.store)];
  await queue.rows("UPDATE jobs SET locked_at = now() - interval '1 hour'");
  await queue.store.extend([extended], 30_000);
  await using python = await PythonWorker.connect({ url: queue.url, name: "python", handlers: {} });
  expect(await python.reap()).toEqual([silent.id]);
  expect((await queue.store.markDone(extended)).status).toBe("DONE");
  await expect(queue.store.markDone(silent)).rejects.toMatchObject({ name: "LeaseLostError" });
});

test("a drain leaves Python's live job alone for WORKER_STALE_TIMEOUT, as Python's own reaper does", async () => {
  const { id } = await queue.store.enqueue("a", {});
  await using python = await PythonWorker.connect({ url: queue.url, name: "python", handlers: {} });
  await python.pickUp();
  await queue.rows("UPDATE jobs SET locked_at = now() - interval '25 minutes'");
  const drain = { store: queue.store, handlers: { a: () => 1 }, budgetMs: 5_000 };
  expect(await drainOnce({ ...drain, env: { WORKER_STALE_TIMEOUT: "1800" } })).toMatchObject({ reaped: 0 });
  await python.markDone(id, { by: "python" });
  expect(await queue.store.get(id)).toMatchObject({ status: "DONE", attempts: 1, result: { by: "python" } });
});

test("Python's reaper puts back a job without an attempt left: Python runs it again, and pqrun fails it", async () => {
  const { id } = await queue.store.enqueue("a", {}, { maxAttempts: 1 });
  await using python = await PythonWorker.connect({ url: queue.url, name: "python", handlers: {} });
  const lostAtPython = async (): Promise<void> => {
    await python.pickUp();
    await queue.rows("UPDATE jobs SET locked_at = now() - interval '1 hour'");
    expect(await python.reap()).toEqual([id]);
  };
  await lostAtPython();
  await lostAtPython();
  expect(await queue.store.get(id)).toMatchObject({ status: "READY", attempts: 2, maxAttempts: 1 });
  const handlers = { a: () => expect.fail("it has no attempt left") };
  expect(await drainOnce({ store: queue.store, handlers, budgetMs: 5_000 })).toMatchObject({ failed: 1 });
  expect(await queue.store.get(id)).toMatchObject({ status: "FAILED", attempts: 2 });
});

test("what Python puts back under the guard wakes an idle worker, which runs it when it is due", async () => {
  await queue.rows(GUARD);
  await using python = await PythonWorker.connect({ url: queue.url, name: "python", handlers: {} });
  const { id } = await queue.store.enqueue("a", {});
  await python.pickUp();
  // It polls for nothing, so that only a wake-up tells it of the job.
  await using worker = startWorker(queue, { safetyPollSeconds: Infinity, handlers: { a: () => undefined } });
  await untilIdle(worker.wire);
  await python.markError(id, pythonNoHandler("a"), { terminal: true });
  await worker.log.until("done");
  expect(await queue.store.get(id)).toMatchObject({ status: "DONE", attempts: 1 });
});

test("a type that no Python worker handles: FAILED without the guard, run by pqrun with it", async () => {
  await using python = await PythonWorker.connect({ url: queue.url, name: "python", handlers: {} });
  const { id: failed } = await queue.store.enqueue("a", {});
  await python.step();
  expect((await queue.store.get(failed))?.status).toBe("FAILED");
  await queue.rows(GUARD);
  const { id } = await queue.store.enqueue("a", {});
  await python.step();
  expect(await queue.store.get(id)).toMatchObject({ status: "READY", attempts: 0, lastError: null });
  await queue.rows("UPDATE jobs SET run_after = now() WHERE id = $1", [id]);
  expect(await drainOnce({ store: queue.store, handlers: { a: () => 1 }, budgetMs: 5_000 })).toMatchObject({
    done: 1,
  });
});

test("a handler of pqrun's own that fails with those very words ends FAILED at its last attempt, guard or not", async () => {
  for (const guard of ["", GUARD]) {
    await queue.rows(`TRUNCATE jobs; ${guard}`);
    await queue.store.enqueue("a", {}, { maxAttempts: 2 });
    const handlers = {
      a: () => {
        throw new Error("No handler registered for the event");
      },
    };
    const drain = { store: queue.store, handlers, backoff: { delayMs: () => 0 }, budgetMs: 5_000 };
    expect(await drainOnce(drain)).toMatchObject({ retried: 1, failed: 1 });
    expect(await queue.rows("SELECT status, attempts FROM jobs")).toEqual([
      { status: "FAILED", attempts: 2 },
    ]);
  }
});
