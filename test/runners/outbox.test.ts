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
