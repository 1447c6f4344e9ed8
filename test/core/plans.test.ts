import { beforeEach, describe, expect, test } from "vitest";

import { enqueueTexts } from "../../src/core/enqueue/enqueue-text.ts";
import { enqueueStatement } from "../../src/core/enqueue/enqueue.ts";
import { extendStatement, extendText } from "../../src/core/operations/extend.ts";
import type { SqlStatement } from "../../src/core/executor.ts";
import { tableNames } from "../../src/core/sql/table-names.ts";
import type { Settlement } from "../../src/core/turn/settlement.ts";
import { turnText } from "../../src/core/turn/turn-text.ts";
import type { TurnRequest } from "../../src/core/turn/turn-request.ts";
import { turnStatement } from "../../src/core/turn/turn-statement.ts";
import { estimatedCost, pagesOf, planOf, type PlanStep } from "../support/plan.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;
const { client } = await queue.session();
const names = tableNames();

const turn = (request: TurnRequest): SqlStatement =>
  turnStatement((scope) => turnText(names, { scope }), request);
const reap = { defaultTimeoutSeconds: 1_200 };

/** The busiest step: where a plan is quadratic it looks at the square of what it was given. */
const mostRows = (steps: readonly PlanStep[]): number => Math.max(...steps.map(({ rows }) => rows));
const scanned = (steps: readonly PlanStep[]): readonly PlanStep[] =>
  steps.filter(({ type, of }) => type.includes("Seq Scan") && of === "jobs");

// Statistics are what the test says.
await queue.rows("ALTER TABLE jobs SET (autovacuum_enabled = off)");

/** How a table comes to its statistics. */
const STATISTICS = {
  "never analyzed": { before: "SELECT", after: "SELECT" },
  analyzed: { before: "SELECT", after: "VACUUM ANALYZE jobs" },
  "analyzed when all its jobs were due": {
    before: "INSERT INTO jobs (job_type, priority) SELECT 'a', n % 3 FROM generate_series(1, 3000) n",
    after: "SELECT",
  },
} as const;

describe.each(Object.entries(STATISTICS))("on a table %s", (_, { before, after }) => {
  beforeEach(async () => {
    // Statistics outlive TRUNCATE.
    await queue.rows("DELETE FROM pg_statistic WHERE starelid = 'jobs'::regclass");
    await queue.rows(before);
    if (before !== "SELECT") await queue.rows("ANALYZE jobs");
    await queue.rows("DELETE FROM jobs");
  });

  test.for([
    ["that are not due", "SELECT 'a', n % 3, 'READY'::job_status, now() + interval '1 day'"],
    ["of types that it doesn't handle", "SELECT 'other' || n % 5, n % 3, 'READY'::job_status, now()"],
    ["that are finished", "SELECT 'a', n % 3, 'DONE'::job_status, now()"],
  ] as const)("a turn looks past 50,000 jobs %s", { timeout: 120_000 }, async ([, select]) => {
    await queue.rows(
      `INSERT INTO jobs (job_type, priority, status, run_after) ${select} FROM generate_series(1, 50000) n`,
    );
    await queue.rows(after);
    for (const due of [0, 50]) {
      await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, $1)", [due]);
      for (const generic of [false, true]) {
        const steps = await planOf(
          client,
          turn({ pickUp: pickUpOf({ slots: 10, types: ["a", "b"] }), reap }),
          generic,
        );
        expect(scanned(steps)).toEqual([]);
        expect(mostRows(steps)).toBeLessThan(500);
      }
    }
  });

  test("no turn is taken for so dear that a server with JIT compiles it", async () => {
    // By default from 100,000 on; some lower it.
    const most = 80_000;
    const job = (n: number): Settlement => ({
      job: { id: String(n), attempts: 1, lockedBy: "w" },
      durationMs: 1,
      outcome: "done",
      resultText: null,
    });
    const requests: TurnRequest[] = [
      { pickUp: pickUpOf({ types: ["a", "b"] }), reap },
      {
        pickUp: pickUpOf({ types: ["a", "b"], slots: 10, buffer: 1_000 }),
        reap,
        settlements: Array.from({ length: 500 }, (_, n) => job(n)),
      },
    ];
    const states = [
      "SELECT 'a', 0, 'READY'",
      "SELECT 'b' || n % 50, n % 10, 'READY'",
      "SELECT 'a', 0, 'DONE'",
    ];
    for (const state of ["", ...states]) {
      await queue.rows("DELETE FROM jobs");
      if (state !== "")
        await queue.rows(
          `INSERT INTO jobs (job_type, priority, status)
           SELECT t, p, s::job_status FROM generate_series(1, 20000) n, LATERAL (${state}) x(t, p, s)`,
        );
      await queue.rows(after);
      for (const request of requests)
        expect(await estimatedCost(client, turn(request)), state).toBeLessThan(most);
    }
  });

  test("the work of a turn with 1,000 settlements and 1,000 pick-ups grows with their number, not its square", async () => {
    await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, 2500)");
    await queue.rows(after);
    const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: 1_000 }) });
    const pickUp = pickUpOf({ slots: 1_000 });
    const requests: TurnRequest[] = [
      {
        pickUp,
        reap,
        settlements: jobs.map((job) => ({ job, durationMs: 1, outcome: "done", resultText: `{"n":1}` })),
      },
      {
        pickUp,
        reap,
        settlements: jobs.map((job) => ({ job, durationMs: 1, outcome: "retry", error: "no", due: 0 })),
      },
      {
        pickUp,
        reap,
        settlements: jobs.map((job) => ({
          job: { ...job, lockedBy: "lost" },
          durationMs: 1,
          outcome: "release",
        })),
      },
      { pickUp, reap, running: jobs.map(({ id }) => id) },
    ];
    for (const request of requests) {
      for (const generic of [false, true])
        expect(mostRows(await planOf(client, turn(request), generic))).toBeLessThan(20_000);
    }
    const extend = extendStatement(extendText(names), jobs, 30_000);
    for (const generic of [false, true])
      expect(mostRows(await planOf(client, extend, generic))).toBeLessThan(20_000);
  });
});

test("a pick-up reads no payload behind the one that is too much, however many it may take", async () => {
  await queue.rows("ALTER TABLE jobs ALTER payload SET STORAGE EXTERNAL");
  await queue.rows(
    "INSERT INTO jobs (job_type, payload) SELECT 'a', jsonb_build_object('x', repeat('x', 1024 * 1024)) FROM generate_series(1, 40)",
  );
  await queue.rows("ALTER TABLE jobs ALTER payload SET STORAGE EXTENDED");
  const pages = (most: number): Promise<number> =>
    pagesOf(client, turn({ pickUp: pickUpOf({ slots: 10, buffer: most - 10 }) }));
  expect(await pages(1_000)).toBeLessThan(1.5 * (await pages(10)));
});

test("the work of an enqueue of 10,000 jobs grows with their number, new or there already", async () => {
  await queue.rows("DELETE FROM pg_statistic WHERE starelid = 'jobs'::regclass");
  const texts = enqueueTexts(names);
  for (const [keyed, byDefault] of [
    [false, false],
    [true, false],
    [true, true],
  ] as const) {
    const jobs = Array.from({ length: 10_000 }, (_, n) => ({
      type: "a",
      payloadText: `{"n":${n}}`,
      dedupeKey: keyed ? `k${n} ${String(byDefault)}` : null,
      priority: 0,
      runAfter: null,
      maxAttempts: 5,
      timeoutSeconds: null,
    }));
    const statement = enqueueStatement(texts, jobs, byDefault);
    expect(mostRows(await planOf(client, statement))).toBeLessThan(100_000);
    await client.query(statement.text, [...statement.params]);
    expect(mostRows(await planOf(client, statement))).toBeLessThan(100_000);
    await queue.rows("VACUUM ANALYZE jobs");
    expect(mostRows(await planOf(client, statement))).toBeLessThan(100_000);
  }
});
