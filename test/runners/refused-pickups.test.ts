import { afterEach, expect, test } from "vitest";

import type { LogFields, Logger } from "../../src/core/logger.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { RefusedPickUps } from "../../src/core/turn/refused-pickups.ts";
import type { TurnAnswer } from "../../src/core/turn/turn-answer.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { Wire, untilIdle } from "../support/wire.ts";

const queue = await testQueue();

afterEach(async () => {
  await queue.rows("DROP FUNCTION IF EXISTS refuse CASCADE");
  await queue.rows("ALTER TABLE jobs DROP CONSTRAINT IF EXISTS frozen");
});

/** A tenant's jobs are frozen, the application says: those of these numbers stay READY. */
async function freeze(...numbers: readonly number[]): Promise<void> {
  await queue.rows(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''the tenant is frozen''; END'`);
  await queue.rows(`CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW
    WHEN (NEW.status <> 'READY' AND (OLD.payload->>'n')::int IN (${numbers.join()})) EXECUTE FUNCTION refuse()`);
}

/** Keeps the errors that are logged. */
function errorsTo(lines: [string, LogFields | undefined][]): Logger {
  return { ...silentLogger, error: (message, fields) => lines.push([message, fields]) };
}

async function idsOf(...numbers: readonly number[]): Promise<unknown[]> {
  const rows = await queue.rows(
    "SELECT id::text FROM jobs WHERE (payload->>'n')::int = ANY ($1::int[]) ORDER BY id",
    [numbers],
  );
  return rows.map(({ id }) => id);
}

test("a job that PostgreSQL refuses to let be picked up keeps no other from it, and is logged once", async () => {
  await insertJobs(queue, 51);
  await freeze(1);
  const lines: [string, LogFields | undefined][] = [];
  const wire = new Wire();
  await using worker = startWorker(queue, { wire, logger: errorsTo(lines) });
  await worker.log.until("done", 50);
  await queue.insert();
  await worker.log.until("done", 51);
  expect(await jobsByStatus(queue)).toEqual({ READY: 1, DONE: 51 });
  expect(lines).toEqual([
    [
      "a job can't be picked up: PostgreSQL refuses it, and others go before it",
      { id: (await idsOf(1))[0], error: expect.stringContaining("the tenant is frozen") as string },
    ],
  ]);
});

test("several are found, of whatever types, priorities and places, by a CHECK as well as by a trigger", async () => {
  await insertJobs(queue, 40);
  await queue.rows("UPDATE jobs SET priority = 5, job_type = 'b' WHERE (payload->>'n')::int IN (7, 8, 9)");
  await queue.rows(
    "ALTER TABLE jobs ADD CONSTRAINT frozen CHECK (status = 'READY' OR payload->>'n' NOT IN ('1', '8', '20', '40'))",
  );
  const lines: [string, LogFields | undefined][] = [];
  const handlers = { a: () => undefined, b: () => undefined };
  await using worker = startWorker(queue, { handlers, logger: errorsTo(lines), concurrency: 4 });
  await worker.log.until("done", 36);
  expect(await jobsByStatus(queue)).toEqual({ READY: 4, DONE: 36 });
  const logged = lines.map(([, fields]) => fields?.["id"]);
  expect(logged.toSorted()).toEqual((await idsOf(1, 8, 20, 40)).toSorted());
});

test("what ends meanwhile is settled, and what is lost is reaped", async () => {
  await queue.insert({ status: "'RUNNING'", attempts: "1", locked_at: "now() - interval '1 day'" });
  await insertJobs(queue, 6);
  await freeze(1, 2, 3, 4, 5, 6);
  await using worker = startWorker(queue);
  await worker.log.until("reaped");
  await worker.log.until("done");
  expect(await jobsByStatus(queue)).toEqual({ READY: 6, DONE: 1 });
});

test("one that is no longer refused is picked up, without another having to come", async () => {
  await insertJobs(queue, 3);
  await freeze(2);
  const wire = new Wire();
  await using worker = startWorker(queue, { wire });
  await worker.log.until("done", 2);
  await untilIdle(wire);
  await queue.rows("DROP FUNCTION refuse CASCADE");
  await worker.log.until("done", 3);
});

test("a drain runs the others, and ends", async () => {
  await insertJobs(queue, 51);
  await freeze(1);
  const lines: [string, LogFields | undefined][] = [];
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: { a: () => undefined },
    concurrency: 10,
    budgetMs: 20_000,
    logger: errorsTo(lines),
  });
  expect(report).toMatchObject({ done: 50, stoppedBy: "empty", more: false });
  expect(report).not.toHaveProperty("error");
  expect(lines.map(([, fields]) => fields?.["id"])).toEqual(await idsOf(1));
});

test("a drain finds one among sixteen in the statements of its halves", async () => {
  await insertJobs(queue, 16);
  await freeze(11);
  const report = await drainOnce({
    store: pooledStore(queue),
    handlers: { a: () => undefined },
    concurrency: 16,
    budgetMs: 20_000,
    logger: false,
  });
  expect(report).toMatchObject({ done: 15, stoppedBy: "empty" });
  // With and without its reap, alone; a look; two for each of four halvings; the rest; and what settles between.
  expect(report.statements).toBeLessThanOrEqual(24);
});

test("`pickup` passes it over, by one and by many", async () => {
  await insertJobs(queue, 9);
  await freeze(1, 5);
  const lines: [string, LogFields | undefined][] = [];
  const store = pooledStore(queue, { logger: errorsTo(lines) });
  const [first] = await store.pickup({ types: ["a"] });
  expect([first?.id]).toEqual(await idsOf(2));
  const rest: string[] = [];
  for (let round = 0; round < 9; round += 1)
    rest.push(...(await store.pickup({ types: ["a"], limit: 10 })).map(({ id }) => id));
  expect(rest.toSorted()).toEqual((await idsOf(3, 4, 6, 7, 8, 9)).toSorted());
  expect(new Set(lines.map(([, fields]) => fields?.["id"]))).toEqual(new Set(await idsOf(1, 5)));
});

test("in a transaction of the caller's a refusal is the caller's", async () => {
  await insertJobs(queue, 2);
  await freeze(1);
  const store = pooledStore(queue);
  await expect(
    store.transaction(async (tx) => {
      await store.with(tx).pickup({ types: ["a"] });
    }),
  ).rejects.toThrow("the tenant is frozen");
});

test("while nothing is refused a pick-up is what it was, and where everything is, there is an end to trying", () => {
  const refused = new RefusedPickUps(silentLogger);
  const pickUp = pickUpOf();
  expect(refused.next(pickUp, 0)).toBe(pickUp);
  expect(refused.suspects(0)).toBe(false);
  const error = Object.assign(new Error("all are frozen"), { code: "P0001" });
  const answer = { jobs: [], exhausted: [], contended: false } as unknown as TurnAnswer;
  let rows = 0;
  let goesOn = refused.refused(pickUp, error, true, 0);
  while (goesOn && rows < 10_000) {
    const next = refused.next(pickUp, 0);
    if (next.looks === true) {
      refused.answered(next, { ...answer, candidates: [String((rows += 1))] }, 0);
      continue;
    }
    goesOn = refused.refused(next, error, true, 0);
  }
  expect(rows).toBe(200);
});

test("where no job is to blame, since the pick-up would take none, there is an end to trying too", async () => {
  // A trigger of the statement's, not of a row's.
  await queue.rows(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''no updates now''; END'`);
  await queue.rows(
    "CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
  );
  const wire = new Wire();
  const store = pooledStore(queue, { wire });
  await expect(store.pickup({ types: ["a"] })).rejects.toThrow("no updates now");
  expect(wire.sent.length).toBeLessThan(10);
  const report = await drainOnce({
    store,
    handlers: { a: () => undefined },
    budgetMs: 20_000,
    logger: false,
  });
  expect(report).toMatchObject({ stoppedBy: "error", done: 0 });
  expect(wire.sent.length).toBeLessThan(20);
});

test("a row is tried again after a second, then five, then thirty, and is forgotten when it is gone", () => {
  const refused = new RefusedPickUps(silentLogger);
  const pickUp = pickUpOf();
  const error = Object.assign(new Error("frozen"), { code: "23514" });
  const answer = { jobs: [], exhausted: [], contended: false, candidates: ["7"] } as unknown as TurnAnswer;
  refused.refused(pickUp, error, true, 0);
  refused.answered(refused.next(pickUp, 0), answer, 0);
  refused.refused(refused.next(pickUp, 0), error, true, 0);
  for (const [at, next] of [
    [1_000, 6_000],
    [6_000, 36_000],
    [36_000, 96_000],
  ] as const) {
    expect(refused.testAt).toBe(at);
    expect(refused.suspects(at - 1)).toBe(false);
    expect(refused.next(pickUp, at - 1)).toMatchObject({ without: ["7"] });
    const test = refused.next(pickUp, at);
    expect(test).toMatchObject({ only: ["7"], slots: 1 });
    refused.refused(test, error, true, at);
    expect(refused.testAt).toBe(next);
  }
  refused.answered(refused.next(pickUp, 96_000), answer, 96_000);
  expect(refused.next(pickUp, 200_000)).toBe(pickUp);
});
