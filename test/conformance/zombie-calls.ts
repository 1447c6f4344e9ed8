import { isPqrunError } from "../../src/core/errors.ts";
import type { PickedUpJob } from "../../src/core/job.ts";
import { OUTCOMES } from "../../src/core/turn/settlement.ts";
import type { Outcome, Settlement } from "../../src/core/turn/settlement.ts";
import { equal, fail } from "./assert.ts";
import type { Capability } from "./subject.ts";
import type { Pen } from "./zombie-pen.ts";
import type { Learns } from "./zombie-successors.ts";

/** A call that an attempt makes although its lease is gone. */
export interface ZombieCall {
  readonly name: string;
  readonly needs: readonly Capability[];
  /** How many live pairs it uses up. */
  readonly pairs: number;
  /** Makes it, and tells how the caller learns that it comes too late. */
  make<Tx>(pen: Pen<Tx>): Promise<string>;
  /** What it has to learn where a settlement learns this. */
  learns(settlement: Learns): string;
}

/** Every call that an attempt can make. */
export const ZOMBIE_CALLS: readonly ZombieCall[] = [
  ...OUTCOMES.map((outcome) => settling(outcome, 0)),
  ...OUTCOMES.map((outcome) => settling(outcome, 1)),
  extending(0),
  extending(1),
  throwing("markDone", ({ store, zombie }) => store.markDone(zombie, "zombie")),
  throwing("markError", ({ store, zombie }) => store.markError(zombie, "zombie", 0)),
  throwing("release", ({ store, zombie }) => store.release(zombie)),
  inTransaction("settleIn, beside the handler's own writes", ["transaction"], (pen) =>
    pen.store.transaction(async (tx) => {
      await pen.store.with(tx).enqueue("effect", {});
      await pen.store.settleIn(tx, pen.zombie, "zombie");
    }),
  ),
  inTransaction("settleStatement", [], async ({ store, executor, zombie }) => {
    const { text, params } = store.settleStatement(zombie, "zombie");
    await executor.query(text, params);
  }),
  inTransaction("settleStatement, in a list with the handler's own writes", ["batch"], async (pen) => {
    const effect = await pen.store.enqueueStatement("effect", {});
    await pen.executor.batch([effect, pen.store.settleStatement(pen.zombie, "zombie"), effect]);
  }),
];

function settling(outcome: Outcome, pairs: 0 | 1): ZombieCall {
  return {
    name: `settle (${outcome})${pairs === 1 ? " in a batch with live ones" : ""}`,
    needs: [],
    pairs,
    make: async (pen) => {
      const settlements = amongLive(pen, pairs, (job) =>
        settlementOf(job, job === pen.zombie ? outcome : "done"),
      );
      return verdictOn(pen, pairs, "settled", (await pen.store.turn({ settlements })).settlements);
    },
    learns: answered,
  };
}

function extending(pairs: 0 | 1): ZombieCall {
  return {
    name: pairs === 1 ? "extend in a batch with live ones" : "extend",
    needs: [],
    pairs,
    make: async (pen) => {
      const jobs = amongLive(pen, pairs, (job) => job);
      return verdictOn(pen, pairs, "extended", await pen.store.extend(jobs, 60_000));
    },
    // Who is DONE needs no lease; otherwise it makes no difference who has ended the attempt.
    learns: (learns) => (learns === "done" ? "already" : learns === "already" ? "lost" : learns),
  };
}

function throwing(
  name: string,
  call: <Tx>(pen: Pen<Tx>) => Promise<{ readonly verdict: string }>,
): ZombieCall {
  return {
    name,
    needs: [],
    pairs: 0,
    make: (pen) => call(pen).then(({ verdict }) => verdict, leaseLost),
    learns: (learns) => (answered(learns) === "already" ? "already" : "LeaseLostError"),
  };
}

function answered(learns: Learns): string {
  return learns === "done" ? "already" : learns;
}

/** A transaction that has been answered once can't be repeated: what has ended already is lost to it too. */
function inTransaction(
  name: string,
  needs: readonly Capability[],
  call: <Tx>(pen: Pen<Tx>) => Promise<unknown>,
): ZombieCall {
  return {
    name,
    needs,
    pairs: 0,
    make: (pen) => call(pen).then(() => "it is written", leaseLost),
    learns: () => "LeaseLostError",
  };
}

/** The zombie alone, or between two that are alive. */
function amongLive<Tx, T>(pen: Pen<Tx>, pairs: 0 | 1, made: (job: PickedUpJob) => T): readonly T[] {
  if (pairs === 0) return [made(pen.zombie)];
  const [before, after] = pen.livePair();
  return [made(before), made(pen.zombie), made(after)];
}

/** What the zombie is answered; the live ones must come to their end beside it. */
function verdictOn<Tx>(
  { zombie }: Pen<Tx>,
  pairs: 0 | 1,
  alive: string,
  answers: readonly { readonly id: string; readonly verdict: string }[],
): string {
  const [own, others] = [
    answers.filter(({ id }) => id === zombie.id),
    answers.filter(({ id }) => id !== zombie.id),
  ];
  equal(
    others.map(({ verdict }) => verdict),
    Array.from({ length: 2 * pairs }, () => alive),
    "the live ones beside it",
  );
  equal(own.length, 1, "one answer for the zombie");
  return own[0]?.verdict ?? fail("an answer");
}

/** A list's error is the driver's own; its text says why. */
function leaseLost(error: unknown): string {
  if (isPqrunError(error, "lease-lost") || String(error).includes("lease lost, job")) return "LeaseLostError";
  throw error;
}

function settlementOf(job: PickedUpJob, outcome: Outcome): Settlement {
  const ended = { job, durationMs: 1 };
  switch (outcome) {
    case "done":
      return { ...ended, outcome, resultText: '"zombie"' };
    case "fail":
      return { ...ended, outcome, error: "zombie" };
    case "retry":
      return { ...ended, outcome, error: "zombie", due: 0 };
    case "snooze":
      return { ...ended, outcome, due: 0 };
    case "release":
      return { ...ended, outcome };
  }
}
