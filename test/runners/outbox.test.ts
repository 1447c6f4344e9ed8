import { expect, test } from "vitest";

import { HandedOutJob } from "../../src/core/turn/picked-up-job-row.ts";
import type { SettlementAnswer } from "../../src/core/turn/settlement.ts";
import { JobEnd } from "../../src/runners/job/finished-run.ts";
import { Outbox } from "../../src/runners/job/settlement-queue.ts";

const job = (id: number): HandedOutJob =>
  new HandedOutJob(["job", String(id), "none", "{}", null, null, null, "0", null, null, null], "worker:1");

function releasing(released: HandedOutJob): JobEnd {
  return new JobEnd(released, { job: released, durationMs: null, outcome: "release" });
}

const answer = (id: number, verdict: "settled" | "busy"): SettlementAnswer => ({
  id: String(id),
  lockedBy: "worker:1",
  verdict,
  status: verdict === "settled" ? "DONE" : null,
});

test("a row that somebody else has locked is tried again soon, whatever a turn that settled nothing answers", () => {
  const outbox = new Outbox(() => undefined);
  outbox.add(releasing(job(1)));
  outbox.answered(outbox.next(), [answer(1, "busy")]);
  expect(outbox.busyMs).toBe(5);
  outbox.answered([], []);
  expect(outbox.busyMs).toBe(5);
  outbox.answered(outbox.next(), [answer(1, "busy")]);
  expect(outbox.busyMs).toBe(25);
});

test("what is given back by somebody who is told of an answer is settled, too", () => {
  const added = job(2);
  const outbox: Outbox = new Outbox(({ id }) => {
    if (id === "1") outbox.add(releasing(added));
  });
  outbox.add(releasing(job(1)));
  outbox.answered(outbox.next(), [answer(1, "settled")]);
  expect(outbox.next().map((settlement) => settlement.job)).toEqual([added]);
});

test("what is busy goes behind what is not, and of what does not fit in one statement others go each time", () => {
  const large = "x".repeat(1_500_000);
  const outbox = new Outbox(() => undefined);
  const ended = (id: number, resultText: string): JobEnd => {
    const done = job(id);
    return new JobEnd(done, { job: done, durationMs: 1, outcome: "done", resultText });
  };
  for (const id of [1, 2, 3]) outbox.add(ended(id, large));
  const next = (busy?: boolean): string[] =>
    outbox.next(undefined, busy).map((settlement) => settlement.job.id);
  const busy = (): void => {
    outbox.answered(
      outbox.next(),
      next().map((id) => answer(Number(id), "busy")),
    );
  };
  expect(next()).toEqual(["1", "2"]);
  busy();
  expect(next()).toEqual(["3", "1"]);
  busy();
  expect(next()).toEqual(["2", "3"]);
  outbox.add(ended(4, "1"));
  expect(next()).toEqual(["4", "2", "3"].slice(0, 3));
  expect(next(false)).toEqual(["4"]);
  // Whatever is settled meanwhile, the others are tried again when they would have been.
  const [ms, tries] = [outbox.busyMs, outbox.busyTries];
  outbox.answered(outbox.next(undefined, false), [answer(4, "settled")]);
  expect([outbox.busyMs, outbox.busyTries]).toEqual([ms, tries]);
});
