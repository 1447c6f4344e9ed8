import { deepStrictEqual, rejects } from "node:assert/strict";

import fc from "fast-check";

import type { PickedUpJob } from "../../../src/core/job.ts";
import type { Settlement } from "../../../src/core/turn/settlement.ts";
import type { ReapedJob } from "../../../src/core/turn/turn-answer.ts";
import type { PickUp, Reap } from "../../../src/core/turn/turn-request.ts";
import { kind, type Act, type World } from "../command.ts";
import type { Ending, ModelJob } from "../model-job.ts";
import type { ModelSettlement } from "../queue-model.ts";
import { REFUSED_TYPE, type RealQueue } from "../real-queue.ts";
import { endings, nth, oftenNull, spansMs } from "./inputs.ts";

interface EndOf {
  readonly nth: number;
  readonly ending: Ending;
  readonly durationMs: number | null;
  /** Whether the due time is told as a moment, not as a delay. */
  readonly asDate: boolean;
}

type PickUpInput = Omit<PickUp, "lockedBy"> & { readonly worker: string };

interface TurnInput {
  readonly ends: readonly EndOf[];
  readonly pickUp: PickUpInput | null;
  readonly reap: Reap | null;
  /** Attempts that the caller says it is running. */
  readonly running: readonly number[];
}

const ends = fc.record({
  nth,
  ending: endings,
  durationMs: oftenNull(fc.nat(1_000)),
  asDate: fc.boolean(),
});

const pickUps: fc.Arbitrary<PickUpInput> = fc.record(
  {
    worker: fc.constantFrom("w", "v"),
    types: fc.constantFrom(["a", "b"], ["b", "a"], ["a"], ["b"], ["b", "a", "b"], ["c", "a"], []),
    slots: fc.constantFrom(1, 2, 4, 0),
    leaseMs: spansMs,
    buffer: fc.nat(3),
    timeoutSeconds: fc.constantFrom(1, 30),
    marginMs: fc.constantFrom(0, 10_000),
    // Within nothing every pick-up is late, as one is that a lock on the table has held up.
    withinMs: fc.constantFrom(0, 3_600_000, 3_600_000, 3_600_000),
  },
  { requiredKeys: ["worker", "types", "slots", "leaseMs"] },
);

const reaps: fc.Arbitrary<Reap> = fc.record(
  { defaultTimeoutSeconds: fc.constantFrom(10, 0, 1_200), limit: fc.constantFrom(1, 2) },
  { requiredKeys: ["defaultTimeoutSeconds"] },
);

const acts: Act<TurnInput> = async (input, world, real) => {
  const settlements = endsOf(input.ends, world);
  const pickUp = pickUpOf(input.pickUp, world);
  const running = [...new Set(input.running.map((n) => world.attempt(n).id))];
  const answer = await real.store.turn({
    settlements: settlements.map(({ asDate, ...end }) => settlementOf(end, asDate, real)),
    pickUp: pickUp ?? undefined,
    reap: input.reap ?? undefined,
    running,
  });
  const expected = world.model.turn({ settlements, pickUp, reap: input.reap, running });
  const { now } = world.model;
  const { answers } = world.met;
  world.held.push(...answer.jobs);
  for (const { status } of expected.reaped) answers.add(`reaped ${status}`);
  for (const { status } of expected.jobs)
    answers.add(`picked up ${status}${expected.alone ? ", alone" : ""}`);
  for (const { status } of expected.exhausted) answers.add(`picked up ${status}`);
  deepStrictEqual(
    answer.jobs.map((job) => ({
      ...job,
      errors: [],
      runAfter: real.time(job.runAfter, now),
      scheduledFor: real.time(job.scheduledFor, now),
      createdAt: real.time(job.createdAt, now),
    })),
    expected.jobs.map((job) => handedOut(job, expected.alone)),
    "the jobs",
  );
  deepStrictEqual(answer.exhausted, expected.exhausted, "those without an attempt left");
  deepStrictEqual([...answer.reaped].sort(byId), expected.reaped, "the reaped");
  deepStrictEqual(
    answer.settlements,
    settlements.map(({ job: { id, lockedBy } }, index) => {
      const verdict = expected.verdicts[index];
      const status = expected.states[index];
      answers.add(`settlement ${verdict === "settled" ? String(status) : String(verdict)}`);
      return { id, lockedBy, verdict, status };
    }),
    "the verdicts",
  );
  const { more, contended } = answer;
  if (expected.contended) answers.add("picked up too late");
  deepStrictEqual(
    { more, contended },
    { more: expected.sleep === null && !expected.contended, contended: expected.contended },
  );
  if (expected.sleep !== null) {
    const nextDueInMs = wholeMs(answer.nextDueInMs);
    const nextLeaseEndInMs = wholeMs(answer.nextLeaseEndInMs);
    deepStrictEqual({ nextDueInMs, nextLeaseEndInMs }, expected.sleep, "how long to sleep");
  }
};

/** Everything at once. */
export const turn = kind(
  "turn",
  fc.record({
    ends: fc.array(ends, { maxLength: 4 }),
    pickUp: oftenNull(pickUps),
    reap: oftenNull(reaps),
    running: fc.oneof(fc.constant([]), fc.array(nth, { minLength: 1, maxLength: 2 })),
  }),
  acts,
);

const nothing = { ends: [], pickUp: null, reap: null, running: [] } as const;

/** Only a pick-up. */
export const pickUp = kind("pickUp", pickUps, (input, world, real) =>
  acts({ ...nothing, pickUp: input }, world, real),
);

/** A pick-up while a trigger of the application's refuses jobs of one type: it takes all that it was to take, or nothing. */
export const refusedPickUp = kind("refusedPickUp", pickUps, async (input, world, real) => {
  const pickUp = pickUpOf(input, world);
  const { model } = world;
  const before = new Map(model.jobs);
  const request = { settlements: [], pickUp, reap: null, running: [] };
  const expected = model.turn(request);
  const refused = [...expected.jobs, ...expected.exhausted].some(({ type }) => type === REFUSED_TYPE);
  if (!refused) {
    model.jobs = before;
    await acts({ ...nothing, pickUp: input }, world, real);
    return;
  }
  world.met.answers.add("picked up refused");
  model.jobs = before;
  await rejects(
    real.refusing(() => real.store.turn({ pickUp: pickUp ?? undefined })),
    /the application refuses it/,
  );
});

/** Only a settlement. */
export const settle = kind(
  "settle",
  ends,
  (end, world, real) => acts({ ...nothing, ends: [end] }, world, real),
  () => ({ ofAttempts: true }),
);

/** Only a reap. */
export const reap = kind("reap", reaps, (input, world, real) =>
  acts({ ...nothing, reap: input }, world, real),
);

/** One end for an attempt: two would leave open which of them counts. */
function endsOf(
  inputs: readonly EndOf[],
  world: World,
): readonly (ModelSettlement & { readonly asDate: boolean })[] {
  if (world.held.length === 0) return [];
  const byAttempt = new Map(
    inputs.map(({ nth: n, ...end }) => {
      const job = world.attempt(n);
      return [job.lockedBy + job.id, { ...end, job }] as const;
    }),
  );
  return [...byAttempt.values()];
}

function settlementOf(
  { job, ending, durationMs }: ModelSettlement,
  asDate: boolean,
  real: RealQueue,
): Settlement {
  const attempt = { job, durationMs };
  switch (ending.outcome) {
    case "done": {
      const resultText = ending.result === null ? null : JSON.stringify(ending.result);
      return { ...attempt, outcome: "done", resultText, note: ending.note ?? undefined };
    }
    case "retry":
    case "snooze":
      return { ...attempt, ...ending, due: asDate ? real.date(ending.dueInMs) : ending.dueInMs };
    case "fail":
    case "release":
      return { ...attempt, ...ending };
  }
}

function pickUpOf(input: PickUpInput | null, world: World): PickUp | null {
  if (input === null) return null;
  const { worker, ...rest } = input;
  return { ...rest, lockedBy: world.nonce(worker) };
}

type Moments = "runAfter" | "scheduledFor" | "createdAt";

/** What a pick-up hands out, the times by the model's clock. */
export function handedOut(
  job: ModelJob,
  alone: boolean,
): Omit<PickedUpJob, Moments> & Pick<ModelJob, Moments> {
  const {
    id,
    type,
    attempts,
    maxAttempts,
    lockedBy,
    priority,
    runAfter,
    timeoutSeconds,
    dedupeKey,
    schedule,
    scheduledFor,
    createdAt,
  } = job;
  const payloadText = JSON.stringify(job.payload).replace(":", ": ");
  return {
    id,
    type,
    payloadText,
    attempts,
    maxAttempts,
    lockedBy: lockedBy ?? "",
    priority,
    runAfter,
    timeoutSeconds,
    dedupeKey,
    schedule,
    scheduledFor,
    createdAt,
    // As the table has it: test/core/attempt-errors.test.ts says what that is.
    errors: [],
    headers: {},
    alone,
  };
}

/** Told in seconds with a fraction; of a Date that the model takes for the next whole millisecond. */
function wholeMs(ms: number | null): number | null {
  return ms === null ? null : Math.ceil(Math.round(ms * 1_000) / 1_000);
}

function byId(a: ReapedJob, b: ReapedJob): number {
  return Number(a.id) - Number(b.id);
}
