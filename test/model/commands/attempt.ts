import { deepStrictEqual } from "node:assert/strict";

import fc from "fast-check";

import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import type { Fence } from "../../../src/core/job.ts";
import type { SettlementAnswer } from "../../../src/core/turn/settlement.ts";
import { kind, type Act, type CommandOptions, type Kind } from "../command.ts";
import type { Ending } from "../model-job.ts";
import type { RealQueue } from "../real-queue.ts";
import { nth, spansMs } from "./inputs.ts";

/** Leases of several attempts, zombies among them. */
export const extend = kind(
  "extend",
  fc.record({ nths: fc.array(nth, { minLength: 1, maxLength: 4 }), leaseMs: spansMs }),
  async ({ nths, leaseMs }, world, real) => {
    const attempts = [...new Set(nths.map((n) => world.attempt(n)))];
    const answers = await real.store.extend(attempts, leaseMs);
    const verdicts = world.model.extend(attempts, leaseMs);
    for (const verdict of verdicts) world.met.answers.add(`extension ${verdict}`);
    const expected = attempts.map(({ id, lockedBy }, index) => ({ id, lockedBy, verdict: verdicts[index] }));
    deepStrictEqual(new Set(answers), new Set(expected));
  },
  ofAttempts,
);

/** A settlement of the caller's own loop, which learns by an error that the lease is gone. */
function settlesOne(
  name: string,
  ending: Ending,
  durationMs: number | null,
  call: (job: Fence, real: RealQueue) => Promise<SettlementAnswer>,
): Kind<number> {
  const act: Act<number> = async (n, world, real) => {
    const job = world.attempt(n);
    const request = { settlements: [{ job, ending, durationMs }], pickUp: null, reap: null, running: [] };
    const [verdict] = world.model.turn(request).verdicts;
    world.met.answers.add(`${name} ${String(verdict)}`);
    const isGone = verdict === "lost" || verdict === "cancelled";
    const answer = await call(job, real).then((settled) => settled.verdict, nameOf);
    deepStrictEqual(answer, isGone ? "LeaseLostError" : verdict);
  };
  return kind(name, nth, act, ofAttempts);
}

/** As DONE. */
export const markDone = settlesOne(
  "markDone",
  { outcome: "done", result: { n: 2 }, note: null },
  7,
  (job, { store }) => store.markDone(job, { n: 2 }, 7),
);

/** As a failed attempt, with the backoff that is asked for. */
export const markError = settlesOne(
  "markError",
  { outcome: "retry", error: "thrown: boom", dueInMs: 5_000 },
  null,
  (job, { store }) => store.markError(job, "boom", 5_000),
);

/** Unstarted. */
export const release = settlesOne("release", { outcome: "release" }, null, (job, { store }) =>
  store.release(job),
);

const settlesIn: Act<number> = async (n, world, real) => {
  const job = world.attempt(n);
  const answer = await real
    .attempt(() => real.store.settleIn(pgExecutor(real.client), job, { n: 3 }, 9))
    .then(() => "settled", nameOf);
  const ending = { outcome: "done", result: { n: 3 }, note: null } as const;
  const request = { settlements: [{ job, ending, durationMs: 9 }], pickUp: null, reap: null, running: [] };
  const [verdict] = world.model.turn(request).verdicts;
  world.met.answers.add(`settleIn ${String(verdict)}`);
  deepStrictEqual(answer, verdict === "settled" ? "settled" : "LeaseLostError");
};
/** As DONE in the caller's transaction, which fails where the lease is gone, were it by a repetition alone. */
export const settleIn = kind("settleIn", nth, settlesIn, ofAttempts);

function ofAttempts(): CommandOptions {
  return { ofAttempts: true };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "no error";
}
