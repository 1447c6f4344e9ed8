import { expect, test } from "vitest";

import { PickedUpJobRow } from "../../src/core/turn/picked-up-job-row.ts";
import type { SettlementAnswer } from "../../src/core/turn/settlement.ts";
import { FinishedRun } from "../../src/runners/job/finished-run.ts";
import { SettlementQueue } from "../../src/runners/job/settlement-queue.ts";

const job = (id: number): PickedUpJobRow =>
  new PickedUpJobRow(["job", String(id), "none", "{}", null, null, null, "0", null, null, null], "worker:1");

function releasing(released: PickedUpJobRow): FinishedRun {
  return new FinishedRun(released, { job: released, durationMs: null, outcome: "release" });
}

const answer = (id: number, verdict: "settled" | "busy"): SettlementAnswer => ({
  id: String(id),
  lockedBy: "worker:1",
  verdict,
  status: verdict === "settled" ? "DONE" : null,
});

test("a row that somebody else has locked is tried again soon, whatever a turn that settled nothing answers", () => {
  const queue = new SettlementQueue(() => undefined);
  queue.add(releasing(job(1)));
  queue.answered(queue.next(), [answer(1, "busy")]);
  expect(queue.busyMs).toBe(5);
  queue.answered([], []);
  expect(queue.busyMs).toBe(5);
  queue.answered(queue.next(), [answer(1, "busy")]);
  expect(queue.busyMs).toBe(25);
});

test("what is given back by somebody who is told of an answer is settled, too", () => {
  const added = job(2);
  const queue: SettlementQueue = new SettlementQueue(({ id }) => {
    if (id === "1") queue.add(releasing(added));
  });
  queue.add(releasing(job(1)));
  queue.answered(queue.next(), [answer(1, "settled")]);
  expect(queue.next().map((settlement) => settlement.job)).toEqual([added]);
});

test("what is busy goes behind what is not, and of what does not fit in one statement others go each time", () => {
  const large = "x".repeat(1_500_000);
  const queue = new SettlementQueue(() => undefined);
  const ended = (id: number, resultText: string): FinishedRun => {
    const done = job(id);
    return new FinishedRun(done, { job: done, durationMs: 1, outcome: "done", resultText });
  };
  for (const id of [1, 2, 3]) queue.add(ended(id, large));
  const next = (busy?: boolean): string[] =>
    queue.next(undefined, busy).map((settlement) => settlement.job.id);
  const busy = (): void => {
    queue.answered(
      queue.next(),
      next().map((id) => answer(Number(id), "busy")),
    );
  };
  expect(next()).toEqual(["1", "2"]);
  busy();
  expect(next()).toEqual(["3", "1"]);
  busy();
  expect(next()).toEqual(["2", "3"]);
  queue.add(ended(4, "1"));
  expect(next()).toEqual(["4", "2", "3"].slice(0, 3));
  expect(next(false)).toEqual(["4"]);
  // Whatever is settled meanwhile, the others are tried again when they would have been.
  const [ms, tries] = [queue.busyMs, queue.busyTries];
  queue.answered(queue.next(undefined, false), [answer(4, "settled")]);
  expect([queue.busyMs, queue.busyTries]).toEqual([ms, tries]);
});
