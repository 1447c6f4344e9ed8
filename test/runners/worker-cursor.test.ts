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

const goesOn = ({ params }: Statement): boolean => String(params[0]).includes('"p":');

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

const answerOf = (jobs: number, more: boolean): TurnAnswer =>
  ({
    jobs: Array.from({ length: jobs }),
    more,
    lanes: jobs > 0 ? [{ type: "a", priority: 0, afterDue: "1", afterId: "1" }] : [],
  }) as unknown as TurnAnswer;

test("all lanes are looked at from their beginning every 250 ms, and when one has no more", () => {
  const cursor = new LaneCursor();
  const full = pickUpOf({ slots: 10 });
  expect(cursor.lanes(0)).toBeUndefined();
  cursor.answered(full, answerOf(10, true), 0, 2);
  expect(cursor.lanes(3)).toHaveLength(1);
  const onwards = pickUpOf({ slots: 10, lanes: cursor.lanes(3) });
  cursor.answered(onwards, answerOf(10, true), 3, 5);
  expect(cursor.lanes(251)).toHaveLength(1);
  expect(cursor.lanes(252)).toBeUndefined();
  cursor.answered(full, answerOf(10, true), 252, 254);
  cursor.answered(onwards, answerOf(9, true), 254, 256);
  expect(cursor.lanes(256)).toBeUndefined();
});

test("where such a look is dear it takes at most about a twentieth of the time", () => {
  const cursor = new LaneCursor();
  const full = pickUpOf({ slots: 10 });
  cursor.answered(full, answerOf(10, true), 0, 2);
  cursor.answered(pickUpOf({ slots: 10, lanes: cursor.lanes(2) }), answerOf(10, true), 2, 4);
  cursor.answered(full, answerOf(10, true), 1_000, 1_102);
  expect(cursor.lanes(1_102 + 1_999)).toHaveLength(1);
  expect(cursor.lanes(1_102 + 2_000)).toBeUndefined();
});

test("a worker that keeps up goes on, too, where a look at all is dear, and looks at all for a twentieth of the time", () => {
  const cursor = new LaneCursor();
  const full = pickUpOf({ slots: 10 });
  cursor.answered(full, answerOf(1, false), 0, 2);
  expect(cursor.lanes(2)).toBeUndefined();
  cursor.answered(full, answerOf(1, false), 100, 152);
  expect(cursor.lanes(152)).toHaveLength(1);
  const onwards = pickUpOf({ slots: 10, lanes: cursor.lanes(200) });
  // The statement always answers that there may be more.
  const rests = cursor.answered(onwards, answerOf(3, true), 200, 202);
  expect(rests).toMatchObject({ more: false });
  expect(rests.nextDueInMs).toBeCloseTo(952, -1);
  expect(cursor.answered(onwards, answerOf(10, true), 300, 302)).toMatchObject({ more: true });
  expect(cursor.lanes(1_160)).toBeUndefined();
});

test("it looks at all again when something is due that it has been told of", () => {
  const cursor = new LaneCursor();
  const full = pickUpOf({ slots: 10 });
  cursor.answered(full, answerOf(1, false), 0, 2);
  cursor.answered(full, { ...answerOf(1, false), nextDueInMs: 100 }, 100, 152);
  expect(cursor.lanes(251)).toHaveLength(1);
  expect(cursor.lanes(252)).toBeUndefined();
});

test("after a look at all that was short, no job is gone back to behind which it was", () => {
  const cursor = new LaneCursor();
  const full = pickUpOf({ slots: 10 });
  const retried = { type: "a", priority: 0, afterDue: "0", afterId: "9" };
  cursor.answered(full, answerOf(1, false), 0, 2);
  cursor.answered(full, { ...answerOf(1, false), lanes: [retried] }, 100, 152);
  expect(cursor.lanes(152)).toMatchObject([{ afterDue: "1", afterId: "1" }]);
});
