import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { DrainOptions, DrainReport } from "../../src/runners/drain/drain-options.ts";
import { Gate } from "../support/handlers.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";
import { Wire } from "../support/wire.ts";

const queue = await testQueue();
const nothing = (): void => undefined;

/** A rival's turn that has picked one job up and is not yet committed: it has locked the next one too. */
async function openPickUp(): Promise<() => Promise<unknown>> {
  const { client, store } = await queue.session();
  await client.query("BEGIN");
  expect((await store.turn({ pickUp: pickUpOf() })).jobs).toHaveLength(1);
  return () => client.query("COMMIT");
}

async function drain(options: Partial<DrainOptions> = {}, wire = new Wire()): Promise<DrainReport> {
  const store = pooledStore(queue, { wire });
  return await drainOnce({ store, handlers: { a: nothing }, budgetMs: 20_000, ...options });
}

/** Does `act` when the n-th turn, from 1, has been answered. */
function afterTurn(n: number, act: () => Promise<unknown>): Wire {
  const wire = new Wire();
  wire.step = async (_statement, send) => {
    const rows = await send();
    if (wire.turns().length === n) await act();
    return rows;
  };
  return wire;
}

test("a job that an overlapping pick-up has locked and left is looked for again, and run", async () => {
  await insertJobs(queue, 2);
  const report = await drain({}, afterTurn(2, await openPickUp()));
  expect(report).toMatchObject({ done: 1, stoppedBy: "empty", more: false });
  expect(await jobsByStatus(queue)).toEqual({ RUNNING: 1, DONE: 1 });
});

test("it is run beside a job that is at work, not when that one ends", async () => {
  const gate = new Gate();
  let letGo = (): Promise<unknown> => Promise.resolve();
  for (const type of ["long", "quick"]) await queue.insert({ job_type: `'${type}'` });
  const wire = new Wire();
  wire.step = async (_statement, send) => {
    const rows = await send();
    if (wire.turns().length === 3) await letGo();
    return rows;
  };
  const quick = async (): Promise<void> => {
    await insertJobs(queue, 2);
    letGo = await openPickUp();
  };
  const handlers = { a: () => gate.open(), long: () => gate.opened, quick };
  expect(await drain({ handlers, concurrency: 2 }, wire)).toMatchObject({ done: 3, more: false });
});

test("what stays locked costs a few looks, and the report says that more is due", async () => {
  await insertJobs(queue, 2);
  const letGo = await openPickUp();
  const report = await drain();
  await letGo();
  expect(report).toMatchObject({ done: 0, statements: 5, stoppedBy: "empty", more: true, nextDueInMs: null });
});

test("looking again keeps to maxStatements, and the report says what stopped it", async () => {
  await insertJobs(queue, 2);
  const letGo = await openPickUp();
  const report = await drain({ maxStatements: 3 });
  await letGo();
  expect(report).toMatchObject({ statements: 2, stoppedBy: "maxStatements", more: true });
});

test("two drains of one job each share two jobs, however they overlap", { timeout: 120_000 }, async () => {
  const stores = [pooledStore(queue), pooledStore(queue)];
  for (let round = 0; round < 100; round += 1) {
    await insertJobs(queue, 2);
    const reports = await Promise.all(
      stores.map((store) =>
        drainOnce({ store, handlers: { a: nothing }, budgetMs: 20_000, concurrency: 1, maxJobs: 1 }),
      ),
    );
    expect(reports.map(({ done }) => done)).toEqual([1, 1]);
  }
});
