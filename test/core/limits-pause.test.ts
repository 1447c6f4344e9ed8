import { expect, test } from "vitest";

import type { DrainReport } from "../../src/index.ts";
import { drainOnce } from "../../src/index.ts";
import { pauseType, resumeType, setLimits } from "../../src/operate.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const handlers = { a: () => undefined, b: () => undefined };
/** A drain of a fresh process: its store knows nothing yet. */
const drain = async (): Promise<DrainReport> =>
  await drainOnce({ store: (await queue.session()).store, handlers, budgetMs: 60_000 });

async function enqueue(...types: readonly string[]): Promise<void> {
  await store.enqueueMany(types.map((type) => ({ type, payload: {} })));
}

test("a drain's first statement leaves out what is paused, and its end does not wait for that", async () => {
  await enqueue("a", "a", "b");
  await pauseType(store, "a");
  expect(await drain()).toMatchObject({ done: 1, stoppedBy: "empty", more: false, nextDueInMs: null });
  expect(await drain()).toMatchObject({ done: 0, stoppedBy: "empty", more: false });
  expect(await resumeType(store, "a")).toBe(true);
  expect(await drain()).toMatchObject({ done: 2, stoppedBy: "empty" });
});

test("a paused type that a drain has no handler for costs it nothing", async () => {
  await enqueue("a");
  await pauseType(store, "c");
  expect(await drain()).toMatchObject({ done: 1, statements: 2 });
});

test("what SQL pauses is paused, and what runs ends", async () => {
  await enqueue("a", "a");
  const [job] = await store.pickup({ types: ["a"] });
  await queue.rows(
    "INSERT INTO jobs_limits (name, paused) VALUES ('a', true) ON CONFLICT (name) DO UPDATE SET paused = true",
  );
  expect(await drain()).toMatchObject({ done: 0 });
  expect(job && (await store.markDone(job))).toMatchObject({ status: "DONE" });
  await queue.rows("UPDATE jobs_limits SET paused = false WHERE name = 'a'");
  expect(await drain()).toMatchObject({ done: 1 });
});

test("a store that knows of no limits keeps what an operator has set, in each of its drains", async () => {
  await setLimits(store, "a", { total: 1 });
  await enqueue("a", "a", "a", "b");
  let running = 0;
  let most = 0;
  const handler = async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((done) => setImmediate(done));
    running -= 1;
  };
  const sessions = [await queue.session(), await queue.session(), await queue.session()];
  const reports = await Promise.all(
    sessions.map(({ store: own }) =>
      drainOnce({ store: own, handlers: { a: handler, b: () => undefined }, budgetMs: 60_000 }),
    ),
  );
  expect(reports.reduce((sum, { done }) => sum + done, 0)).toBe(4);
  expect(most).toBe(1);
});

test("a total of 0 lets nothing start, and a rate of 0 neither", async () => {
  await enqueue("a", "b");
  await setLimits(store, "a", { total: 0 });
  await setLimits(store, "b", { rate: { limit: 0, seconds: 1 } });
  expect(await drain()).toMatchObject({ done: 0 });
});
