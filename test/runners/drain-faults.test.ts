import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { EventLog } from "../support/event-log.ts";
import { Gate, heedsItsSignal } from "../support/handlers.ts";
import { insertJobs, jobRow, jobsByStatus } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { Wire, connectionLost, loseAnswer } from "../support/wire.ts";

const queue = await testQueue();
const nothing = (): void => undefined;

/** Applies `step` to the n-th turn alone, from 1. */
function atTurn(wire: Wire, n: number, step: Wire["step"]): void {
  wire.step = (statement, send) =>
    statement.kind === "turn" && wire.turns().length === n ? step(statement, send) : send();
}

test("a first statement that fails is thrown", async () => {
  const wire = new Wire();
  atTurn(wire, 1, () => Promise.reject(connectionLost()));
  await expect(
    drainOnce({ store: pooledStore(queue, { wire }), handlers: { a: nothing }, budgetMs: 5_000 }),
  ).rejects.toMatchObject({ name: "UnknownOutcomeError" });
});

test("a first statement whose answer is lost is thrown, and what it picked up is given back", async () => {
  const id = await queue.insert();
  const wire = new Wire();
  atTurn(wire, 1, loseAnswer);
  await expect(
    drainOnce({ store: pooledStore(queue, { wire }), handlers: { a: nothing }, budgetMs: 5_000 }),
  ).rejects.toMatchObject({ name: "UnknownOutcomeError" });
  expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 0, released: 1 });
});

test("a table that is not there is told by the error that says what to do", async () => {
  const store = pooledStore(queue, { table: "nowhere" });
  await expect(drainOnce({ store, handlers: { a: nothing }, budgetMs: 5_000 })).rejects.toMatchObject({
    name: "TableError",
  });
});

test("a later statement that fails is reported, after all has been settled that can be", async () => {
  await insertJobs(queue, 20);
  const wire = new Wire();
  atTurn(wire, 2, () => Promise.reject(connectionLost()));
  const report = await drainOnce({
    store: pooledStore(queue, { wire }),
    handlers: { a: nothing },
    budgetMs: 5_000,
  });
  expect(report).toMatchObject({
    done: 10,
    unsettled: 0,
    stoppedBy: "error",
    error: { name: "UnknownOutcomeError" },
  });
  expect(await jobsByStatus(queue)).toEqual({ DONE: 10, READY: 10 });
});

test("an answer that is lost: what was settled stays so, and what was picked up is given back", async () => {
  await insertJobs(queue, 30);
  const wire = new Wire();
  atTurn(wire, 2, loseAnswer);
  const runs: string[] = [];
  const report = await drainOnce({
    store: pooledStore(queue, { wire }),
    handlers: {
      a: ({ job }) => {
        runs.push(job.id);
      },
    },
    budgetMs: 5_000,
  });
  expect(report).toMatchObject({ done: 10, released: 10, unsettled: 0, stoppedBy: "error", more: true });
  expect(new Set(runs).size).toBe(10);
  expect(
    await queue.rows(
      "SELECT status, attempts, released, count(*)::int AS n FROM jobs GROUP BY 1, 2, 3 ORDER BY 1, 3",
    ),
  ).toEqual([
    { status: "READY", attempts: 0, released: 0, n: 10 },
    { status: "READY", attempts: 0, released: 1, n: 10 },
    { status: "DONE", attempts: 1, released: 0, n: 10 },
  ]);
});

test("a statement that fails does not cut short the handlers that run", async () => {
  await insertJobs(queue, 3);
  const wire = new Wire();
  const gate = new Gate();
  atTurn(wire, 2, () => {
    // After the drain has had the error.
    setImmediate(() => setImmediate(() => gate.open()));
    return Promise.reject(connectionLost());
  });
  const report = await drainOnce({
    store: pooledStore(queue, { wire }),
    handlers: {
      a: (ctx) => (ctx.payload["n"] === 3 ? Promise.race([gate.opened, heedsItsSignal(ctx)]) : undefined),
    },
    budgetMs: 5_000,
    concurrency: 3,
  });
  expect(report).toMatchObject({ done: 3, retried: 0, stoppedBy: "error" });
});

test("a settlement whose row somebody has locked is tried again", async () => {
  const id = await queue.insert();
  const { client } = await queue.session();
  const wire = new Wire();
  wire.step = async (statement, send) => {
    const rows = await send();
    // Two turns have found it locked: it is let go.
    if (statement.kind === "turn" && wire.turns().length === 3) await client.query("COMMIT");
    return rows;
  };
  const report = await drainOnce({
    store: pooledStore(queue, { wire }),
    handlers: {
      a: async () => {
        await client.query("BEGIN");
        await client.query("SELECT FROM jobs WHERE id = $1 FOR UPDATE", [id]);
      },
    },
    budgetMs: 5_000,
  });
  expect(report).toMatchObject({ done: 1, unsettled: 0 });
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE" });
});

test("a row that stays locked costs few statements and is left to its lease", async () => {
  const id = await queue.insert();
  const { client } = await queue.session();
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: {
      a: async () => {
        await client.query("BEGIN");
        await client.query("SELECT FROM jobs WHERE id = $1 FOR UPDATE", [id]);
      },
    },
    budgetMs: 1_000,
  });
  // Read while it is locked: the deadline leaves a last settlement behind in the server, free to win later.
  const left = await jobRow(queue, id);
  await client.query("ROLLBACK");
  expect(report).toMatchObject({ done: 0, unsettled: 1 });
  expect(report.statements).toBeLessThan(15);
  expect(left).toMatchObject({ status: "RUNNING", attempts: 1 });
  expect(left["lease_expires_at"]).not.toBeNull();
});

test("a settlement that PostgreSQL refuses does not keep the others from theirs", async () => {
  await insertJobs(queue, 6);
  await queue.rows("ALTER TABLE jobs ADD CONSTRAINT no_three CHECK (result->>'n' <> '3')");
  try {
    const report = await drainOnce({
      store: pooledStore(queue),
      handlers: { a: ({ payload }) => payload },
      budgetMs: 5_000,
    });
    expect(report).toMatchObject({ done: 6, unsettled: 0 });
    const [refused] = await queue.rows("SELECT result, last_error FROM jobs WHERE payload->>'n' = '3'");
    expect(refused).toMatchObject({ result: null });
    expect(refused?.["last_error"]).toContain(
      "the database refused what the attempt would have written (23514)",
    );
  } finally {
    await queue.rows("ALTER TABLE jobs DROP CONSTRAINT no_three");
  }
});

test("a lost row that a trigger never lets be reaped does not keep the others from their drain", async () => {
  const stuck = await queue.insert({ status: "'RUNNING'", locked_at: "now() - interval '1 day'" });
  await insertJobs(queue, 5);
  await queue.rows(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''not this one''; END'`);
  await queue.rows(`CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW
    WHEN (OLD.id = ${stuck}) EXECUTE FUNCTION refuse()`);
  try {
    const report = await drainOnce({
      store: pooledStore(queue),
      handlers: { a: nothing },
      budgetMs: 5_000,
    });
    expect(report).toMatchObject({ done: 5, reaped: 0, stoppedBy: "empty" });
  } finally {
    await queue.rows("DROP FUNCTION refuse CASCADE");
  }
});

test("refused settlements among a hundred are found by halving, in the statements of a free Worker", async () => {
  await insertJobs(queue, 100);
  await queue.rows("ALTER TABLE jobs ADD CONSTRAINT no_three CHECK (result->>'n' NOT IN ('3', '77'))");
  try {
    const report = await drainOnce({
      store: pooledStore(queue),
      handlers: { a: ({ payload }) => payload },
      budgetMs: 20_000,
      concurrency: 100,
      maxStatements: 45,
    });
    expect(report).toMatchObject({ done: 100, unsettled: 0 });
    const stripped = await queue.rows(
      "SELECT payload->>'n' AS n FROM jobs WHERE status = 'DONE' AND result IS NULL ORDER BY id",
    );
    expect(stripped).toEqual([{ n: "3" }, { n: "77" }]);
  } finally {
    await queue.rows("ALTER TABLE jobs DROP CONSTRAINT no_three");
  }
});

test("a job that was cancelled or reaped meanwhile is told as that, and stays as it is", async () => {
  const [cancelled, reaped] = [await queue.insert(), await queue.insert()];
  const log = new EventLog();
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: {
      a: async ({ job }) => {
        if (job.id === cancelled) {
          await queue.store.cancel(job.id);
        } else {
          await queue.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 s' WHERE id = $1", [
            job.id,
          ]);
          await queue.rows("UPDATE jobs SET max_attempts = 1 WHERE id = $1", [job.id]);
          await queue.store.reapStale();
        }
      },
    },
    budgetMs: 5_000,
    onEvent: log.onEvent,
  });
  expect(report).toMatchObject({ done: 0, lost: 1, cancelled: 1 });
  expect(await jobRow(queue, cancelled)).toMatchObject({ status: "CANCELLED" });
  expect(await jobRow(queue, reaped)).toMatchObject({ status: "FAILED" });
});

test("prune that fails is reported, and changes nothing of what was done", async () => {
  await queue.insert();
  const wire = new Wire();
  wire.step = (statement, send) => (statement.kind === "prune" ? Promise.reject(connectionLost()) : send());
  const report = await drainOnce({
    store: pooledStore(queue, { wire }),
    handlers: { a: nothing },
    budgetMs: 5_000,
    prune: { olderThanSeconds: 0 },
  });
  expect(report).toMatchObject({ done: 1, pruned: 0, stoppedBy: "error" });
});
