import { expect, test } from "vitest";

import { SuspectTurns } from "../../src/runners/worker/suspect-turns.ts";
import { Gate } from "../support/handlers.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";

const queue = await testQueue();

/** As a reap leaves a job whose worker has died with it twice. */
const SUSPECT = { attempts: "2", last_error: "'lease lost: w neither settled nor extended it'" };

test("a job that must run alone waits outside while a long job runs, and the other slots go on", async () => {
  const [gate, beside] = [new Gate(), new Set<string>()];
  let longRuns = false;
  await using worker = startWorker(queue, {
    concurrency: 4,
    handlers: {
      long: async () => {
        longRuns = true;
        await gate.opened;
        longRuns = false;
      },
      a: ({ job }) => {
        if (longRuns) beside.add(job.id);
      },
    },
  });
  await queue.insert({ job_type: "'long'", priority: "9" });
  await worker.log.until("started", 1);
  const suspect = await queue.insert({ priority: "5", ...SUSPECT });
  await insertJobs(queue, 40);
  await worker.log.until("done", 40);
  expect(longRuns).toBe(true);
  expect(beside.size).toBe(40);
  expect(await worker.store.get(suspect)).toMatchObject({ status: "READY" });
  gate.open();
  await worker.log.until("done", 42);
  expect(beside.has(suspect)).toBe(false);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 42 });
});

test("a pick-up that skips such jobs takes what is behind them, however many they are, and then takes them for locked", async () => {
  const { store } = queue;
  for (let n = 0; n < 3; n += 1) await queue.insert({ priority: "1", ...SUSPECT });
  const other = await queue.insert();
  const skips = (): ReturnType<typeof store.turn> =>
    store.turn({ pickUp: pickUpOf({ slots: 2, suspects: "skipped" }) });
  const { jobs, more } = await skips();
  expect([jobs.map(({ id }) => id), more]).toEqual([[other], false]);
  expect(await skips()).toMatchObject({ jobs: [], more: false, contended: true });
});

test("one that is to show such a job ends before it, and says so", async () => {
  const { store } = queue;
  const first = await queue.insert({ priority: "2" });
  await queue.insert({ priority: "1", ...SUSPECT });
  await queue.insert();
  const shows = async (): Promise<unknown> => {
    const answer = await store.turn({ pickUp: pickUpOf({ slots: 5, suspects: "shown" }) });
    return [answer.jobs.map(({ id }) => id), answer.suspects, answer.more];
  };
  expect([await shows(), await shows()]).toEqual([
    [[first], true, true],
    [[], true, true],
  ]);
});

test("a worker that is never empty makes room for one, for a twentieth of the time at most", () => {
  const turns = new SuspectTurns();
  expect(turns.next(0, 0)).toBe("taken");
  let paused = 0;
  let longest = 0;
  for (let now = 10; now < 7_200_000; now += 10) {
    const ms = turns.pausedUntil - now;
    if (ms > 0) {
      paused += 10;
      continue;
    }
    const suspects = turns.next(3, now);
    turns.answered(pickUpOf({ suspects }), true, now);
    longest = Math.max(longest, turns.pausedUntil - now);
  }
  expect(paused / 7_200_000).toBeLessThanOrEqual(0.055);
  // For jobs of minutes, too.
  expect(longest).toBeGreaterThan(60_000);
  expect(turns.next(0, 7_200_000)).toBe("taken");
  expect(turns.next(3, 7_200_010)).toBe("skipped");
});

test("where none is due it never pauses", () => {
  const turns = new SuspectTurns();
  turns.next(0, 0);
  for (let now = 0; now < 600_000; now += 100)
    turns.answered(pickUpOf({ suspects: turns.next(1, now) }), false, now);
  expect(turns.pausedUntil).toBe(-Infinity);
});
