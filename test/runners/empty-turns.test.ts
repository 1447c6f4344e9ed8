import { expect, test } from "vitest";

import type { TurnAnswer } from "../../src/core/turn/turn-answer.ts";
import { PollSchedule } from "../../src/runners/worker/poll-schedule.ts";
import { Gate, takes } from "../support/handlers.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { turnParts } from "../support/wire.ts";
import type { Statement } from "../support/wire.ts";

const queue = await testQueue();

const handsOut = ({ rows = [] }: Statement): boolean => rows.some(({ kind }) => kind === "job");

test("of a backlog of retries, which no buffer takes, hardly a turn comes back empty", async () => {
  await queue.rows("INSERT INTO jobs (job_type, attempts) SELECT 'a', 1 FROM generate_series(1, 400)");
  await using worker = startWorker(queue, { concurrency: 10, handlers: { a: takes(20) } });
  await worker.log.until("done", 350);
  const looks = worker.wire.turns().filter((turn) => {
    const { slots, buffer } = turnParts(turn);
    return turn.rows !== undefined && slots + buffer > 0;
  });
  const empty = looks.filter((turn) => !handsOut(turn));
  expect(empty.length).toBeLessThanOrEqual(looks.length / 10);
});

test("retries in front of fresh jobs keep a worker's buffer from none of those", async () => {
  await queue.rows("INSERT INTO jobs (job_type, attempts) SELECT 'a', 1 FROM generate_series(1, 20)");
  await insertJobs(queue, 2_000);
  await using worker = startWorker(queue, { concurrency: 4 });
  await worker.log.until("done", 2_020);
  expect(worker.wire.turns().length).toBeLessThan(300);
});

const answerOf = (values: Partial<TurnAnswer>): TurnAnswer => ({
  jobs: [],
  candidates: [],
  lanes: [],
  suspects: false,
  exhausted: [],
  settlements: [],
  reaped: [],
  more: false,
  deeper: false,
  contended: false,
  nextDueInMs: null,
  nextLeaseEndInMs: null,
  snapshot: { oldest: 0n, next: 0n },
  tableBytes: 0,
  stood: false,
  clockMs: 0,
  serverMs: 0,
  rowsHidden: false,
  ...values,
});

/** How often an idle worker reaps within a minute, where each of its turns finds a lease that has ended. */
function reapsInAMinute(nextLeaseEndInMs: number): number {
  const schedule = new PollSchedule({
    idlePoll: { delayMs: () => 1_000 },
    reaper: true,
    reapIntervalMs: 60_000,
    safetyPollMs: 60_000,
  });
  let reaps = 0;
  for (let now = 0; now < 60_000; now += 1) {
    const looks = now >= schedule.pollAt;
    const reap = now >= schedule.reapAt - (looks ? schedule.reapSlackMs : 0);
    if (!looks && !reap) continue;
    if (reap) reaps += 1;
    schedule.sent(now);
    schedule.mayReap(answerOf({ nextLeaseEndInMs }), now, reap, undefined);
    schedule.polled(answerOf({ nextLeaseEndInMs }), now, undefined);
  }
  return reaps;
}

test("a lost row that somebody has locked costs an idle worker a turn a second", () => {
  expect(reapsInAMinute(0)).toBeLessThanOrEqual(61);
  expect(reapsInAMinute(0)).toBeGreaterThanOrEqual(50);
});

test(
  "five busy settlements of a MiB keep no small one from being settled",
  { timeout: 120_000 },
  async () => {
    const gate = new Gate();
    const large = "x".repeat(1_000_000);
    await insertJobs(queue, 5, "large");
    await using worker = startWorker(queue, {
      concurrency: 10,
      leaseMs: 60_000,
      handlers: {
        a: () => undefined,
        large: async () => {
          await gate.opened;
          return { large };
        },
      },
    });
    await worker.log.until("started", 5);
    const { client } = await queue.session();
    await client.query("BEGIN; SELECT FROM jobs WHERE job_type = 'large' FOR UPDATE");
    gate.open();
    await worker.wire.until(() => worker.wire.turns().find((turn) => turnParts(turn).settlements > 0));
    const before = worker.wire.turns().length;
    await insertJobs(queue, 20);
    await worker.log.until("done", 20);
    // What is locked is not sent along with each turn.
    const sent = worker.wire.turns().slice(before);
    expect(sent.length).toBeLessThan(60);
    await client.query("ROLLBACK");
    await worker.log.until("done", 25);
    expect(await jobsByStatus(queue)).toEqual({ DONE: 25 });
  },
);
