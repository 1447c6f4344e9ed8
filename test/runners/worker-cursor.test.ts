import { expect, test } from "vitest";

import { LaneCursor } from "../../src/runners/worker/lane-cursor.ts";
import type { TurnAnswer } from "../../src/core/turn/turn-answer.ts";
import { takes } from "../support/handlers.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { turnParts } from "../support/wire.ts";
import type { Statement } from "../support/wire.ts";

const queue = await testQueue();

const goesOn = (sent: Statement): boolean => sent.kind === "turn" && turnParts(sent).goesOn;

test("a worker that drains a backlog goes on where it left off, and looks at all lanes before it sleeps", async () => {
  await insertJobs(queue, 600);
  await using worker = startWorker(queue, { concurrency: 20, maxBuffer: 0 });
  await worker.log.until("done", 600);
  const looks = (): readonly Statement[] => worker.wire.turns().filter((turn) => turnParts(turn).slots > 0);
  expect(looks().filter(goesOn).length).toBeGreaterThan(10);
  await expect.poll(() => looks().map(goesOn).at(-1)).toBe(false);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 600 });
});

test("a job more urgent than the backlog, one that was due before it and one of another type don't wait for its end", async () => {
  await insertJobs(queue, 4_000);
  const started: string[] = [];
  const note = async (ctx: { job: { id: string }; signal: AbortSignal }): Promise<void> => {
    started.push(ctx.job.id);
    await takes(4)(ctx);
  };
  await using worker = startWorker(queue, { concurrency: 10, maxBuffer: 0, handlers: { a: note, b: note } });
  await worker.log.until("done", 100);
  const late = [
    await queue.insert({ priority: "9" }),
    await queue.insert({ run_after: "now() - interval '1 hour'" }),
    await queue.insert({ job_type: "'b'", run_after: "now() - interval '1 hour'" }),
  ];
  await worker.log.until("done", 3_000);
  expect(late.filter((id) => started.slice(0, 2_000).includes(id))).toEqual(late);
});

/** @param serverMs how long the server took for it */
const answerOf = (jobs: number, more: boolean, serverMs = 2): TurnAnswer =>
  ({
    jobs: Array.from({ length: jobs }),
    more,
    serverMs,
    lanes: jobs > 0 ? [{ type: "a", priority: 0, afterDue: "1", afterId: "1" }] : [],
  }) as unknown as TurnAnswer;

const full = pickUpOf({ slots: 10 });

/** For how long a cursor goes on after its last look at all, where the server has taken so long for each in turn. */
function goesOnFor(fullMs: readonly number[], onwardsMs = 2): number {
  const cursor = new LaneCursor();
  for (const ms of fullMs) {
    cursor.answered(full, answerOf(10, true, ms), 0);
    const onwards = pickUpOf({ slots: 10, lanes: cursor.lanes(0) });
    for (const _ of fullMs) cursor.answered(onwards, answerOf(10, true, onwardsMs), 0);
  }
  let ms = 0;
  while (cursor.lanes(ms) !== undefined) ms += 1;
  return ms;
}

test("all lanes are looked at from their beginning every 250 ms, and when one has no more", () => {
  const cursor = new LaneCursor();
  expect(cursor.lanes(0)).toBeUndefined();
  cursor.answered(full, answerOf(10, true), 2);
  expect(cursor.lanes(3)).toHaveLength(1);
  const onwards = pickUpOf({ slots: 10, lanes: cursor.lanes(3) });
  cursor.answered(onwards, answerOf(10, true), 5);
  expect(cursor.lanes(251)).toHaveLength(1);
  expect(cursor.lanes(252)).toBeUndefined();
  cursor.answered(full, answerOf(10, true), 254);
  cursor.answered(onwards, answerOf(9, true), 256);
  expect(cursor.lanes(256)).toBeUndefined();
});

test("while full scans are expensive they take a twentieth of the server's time, and are a second apart at most", () => {
  expect(goesOnFor([4, 4, 4])).toBe(250);
  expect(goesOnFor([32, 32, 32])).toBe(600);
  expect(goesOnFor([5_000, 5_000, 5_000])).toBe(1_000);
});

test.for([
  ["was held up, whatever by", [2, 2, 1_000], 250],
  ["was held up, as was the one before", [2, 1_000, 1_000], 250],
  ["is the first", [1_000], 250],
  ["is the last that was expensive", [1_000, 1_000, 2], 250],
] as const)("one look that %s does not have others put off", ([, fullMs, ms]) => {
  expect(goesOnFor(fullMs)).toBe(ms);
});

test("turns that go on and were held up make no look cheap, nor expensive", () => {
  const cursor = new LaneCursor();
  for (const ms of [32, 32, 32]) cursor.answered(full, answerOf(10, true, ms), 0);
  const onwards = pickUpOf({ slots: 10, lanes: cursor.lanes(0) });
  for (const ms of [2, 1_000, 1_000]) cursor.answered(onwards, answerOf(10, true, ms), 0);
  cursor.answered(full, answerOf(10, true, 32), 0);
  expect(cursor.lanes(599)).toHaveLength(1);
  expect(cursor.lanes(600)).toBeUndefined();
});

test("a worker that keeps up looks at all each time, however expensive that is", () => {
  const cursor = new LaneCursor();
  for (const ms of [50, 50, 50, 50]) {
    cursor.answered(full, answerOf(1, false, ms), 0);
    expect(cursor.lanes(0)).toBeUndefined();
  }
});
