import { expect, test } from "vitest";

import { InvalidInputError } from "../../src/core/errors.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { RunnerErrors, type RunnerErrorEvent } from "../../src/runners/runner-error.ts";
import { prunersOf } from "../../src/runners/worker/pruner.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker, type TestWorker } from "../support/test-worker.ts";
import { Wire, connectionLost } from "../support/wire.ts";

const queue = await testQueue();

const OLD = { job_type: "'old'", status: "'DONE'", finished_at: "now() - interval '1 hour'" };
const prune = { olderThanSeconds: 60 } as const;

async function insertOld(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await queue.insert(OLD);
}

async function left(): Promise<number> {
  const [row] = await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE job_type = 'old'");
  return Number(row?.["n"]);
}

const looks = ({ sent }: Wire): number => sent.filter(({ kind }) => kind === "prune").length;

async function untilLooks(wire: Wire, count: number): Promise<void> {
  await wire.until(() =>
    wire.sent.filter(({ kind, rows }) => kind === "prune" && rows !== undefined).length >= count
      ? true
      : undefined,
  );
}

/** Runs a job, so that the loop goes round; how often the worker has looked by its end. */
async function looksAfterAJob({ store, wire, log }: TestWorker): Promise<number> {
  const ended = log.of("done").length;
  await store.enqueue("a", {});
  await log.until("done", ended + 1);
  return looks(wire);
}

const START = 1_000_000;

/** What prunes in a worker, by a clock of its own: each look says in how many milliseconds the next is due. */
function prunes(
  options: { readonly limit?: number; readonly safetyPollMs?: number; readonly wire?: Wire } = {},
): {
  readonly look: () => Promise<number>;
  readonly errors: RunnerErrorEvent[];
} {
  const { limit, safetyPollMs = 60_000, wire } = options;
  const errors: RunnerErrorEvent[] = [];
  const told = {
    onError: (event: RunnerErrorEvent) => errors.push(event),
    logger: silentLogger,
    now: () => now,
  };
  let now = START;
  let looked = (): void => undefined;
  const [pruner] = prunersOf({
    ...{ ...told, safetyPollMs, store: pooledStore(queue, { wire }), prune: { ...prune, limit } },
    errors: new RunnerErrors(told),
    onLooked: () => {
      looked();
    },
  });
  if (pruner === undefined) throw new Error("it is to prune");
  const look = async (): Promise<number> => {
    const ended = new Promise<void>((resolve) => (looked = resolve));
    now = Math.max(now, pruner.nextAt);
    pruner.tick(now);
    expect(pruner.nextAt).toBe(Infinity);
    // One look at a time.
    pruner.tick(now + 3_600_000);
    await ended;
    return pruner.nextAt - now;
  };
  return { look, errors };
}

test("a worker that is told to prune deletes what is old, beside its jobs", async () => {
  await insertOld(3);
  await queue.insert({ ...OLD, finished_at: "now()" });
  await using running = startWorker(queue, { prune });
  await untilLooks(running.wire, 1);
  expect(await left()).toBe(1);
});

test("one that isn't deletes nothing", async () => {
  await insertOld(1);
  await using running = startWorker(queue);
  expect(await looksAfterAJob(running)).toBe(0);
  expect(await left()).toBe(1);
});

test("it looks once a minute, at once again while it finds as many as its limit, and soon while it finds any", async () => {
  await insertOld(5);
  const wire = new Wire();
  const { look } = prunes({ limit: 2, wire });
  expect([await look(), await look(), await look()]).toEqual([0, 0, 1_000]);
  expect(await left()).toBe(0);
  expect(await look()).toBe(60_000);
  expect(looks(wire)).toBe(4);
});

test("it leaves a database that may sleep to do so", async () => {
  expect(await prunes({ safetyPollMs: 300_000 }).look()).toBe(300_000);
  expect(await prunes({ safetyPollMs: Infinity }).look()).toBe(82_800_000);
});

test("a look holds up no job, and a stop doesn't wait for it", async () => {
  const errors: RunnerErrorEvent[] = [];
  const wire = new Wire();
  wire.step = (statement, send) => (statement.kind === "prune" ? new Promise(() => undefined) : send());
  await using running = startWorker(queue, { prune, wire, onError: (event) => errors.push(event) });
  expect(await looksAfterAJob(running)).toBe(1);
  expect(await looksAfterAJob(running)).toBe(1);
  await running.worker.stop();
  expect(errors).toEqual([]);
});

test("a stop ends a look on the server", async () => {
  await insertOld(1);
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query("LOCK TABLE jobs IN SHARE MODE");
  await using running = startWorker(queue, { prune });
  const waiting = async (): Promise<number> => {
    const [row] = await queue.rows(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%TABLESAMPLE%' AND wait_event_type = 'Lock'",
    );
    return Number(row?.["n"]);
  };
  await expect.poll(waiting, { timeout: 60_000 }).toBe(1);
  await running.worker.stop({ graceMs: 0 });
  await expect.poll(waiting, { timeout: 60_000 }).toBe(0);
  await client.query("COMMIT");
  expect(await left()).toBe(1);
});

test("a look that fails is reported, stops nothing, and is sent again a minute later", async () => {
  const wire = new Wire();
  wire.step = (statement, send) => (statement.kind === "prune" ? Promise.reject(connectionLost()) : send());
  const { look, errors } = prunes({ wire });
  expect(await look()).toBe(60_000);
  expect(errors).toMatchObject([{ operation: "prune", error: { name: "UnknownOutcomeError" } }]);
  const told: RunnerErrorEvent[] = [];
  await using running = startWorker(queue, { prune, wire, onError: (event) => told.push(event) });
  await running.store.enqueue("a", {});
  await running.log.until("done");
  await expect.poll(() => told, { timeout: 60_000 }).toMatchObject([{ operation: "prune" }]);
  await insertOld(1);
  wire.step = (_statement, send) => send();
  expect(await look()).toBe(1_000);
  expect(await left()).toBe(0);
});

test("what a worker is to prune is checked before it starts", () => {
  const checked = (wrong: object): unknown => {
    try {
      return new Worker({
        store: queue.store,
        handlers: { a: () => undefined },
        env: {},
        prune: wrong as never,
      });
    } catch (error) {
      return error;
    }
  };
  expect(checked({})).toBeInstanceOf(InvalidInputError);
  expect(checked({ olderThanSeconds: -1 })).toMatchObject({ field: "prune.olderThanSeconds" });
  expect(checked({ olderThanDays: 1 })).toMatchObject({ field: "prune.olderThanDays" });
});
