import { deepStrictEqual, ok } from "node:assert/strict";

import fc from "fast-check";

import type { EnqueueOptions } from "../../../src/core/enqueue/check-job.ts";
import type { Enqueued } from "../../../src/core/enqueue/enqueue.ts";
import { isPqrunError } from "../../../src/core/errors.ts";
import { kind, type World } from "../command.ts";
import type { ModelSpec } from "../model-job.ts";
import type { RealQueue } from "../real-queue.ts";
import { oftenNull, types } from "./inputs.ts";

const specs: fc.Arbitrary<ModelSpec> = fc.record({
  type: types,
  payload: fc.nat(3).map((n) => ({ n })),
  priority: fc.constantFrom(0, 0, 5, -1),
  maxAttempts: fc.constantFrom(1, 2, 3, 5),
  timeoutSeconds: oftenNull(fc.constantFrom(5, 60)),
  dedupeKey: oftenNull(fc.constantFrom("k", "l")),
  dueInMs: oftenNull(fc.constantFrom(0, -1_000, -60_000, 1_000, 30_000)),
});

function optionsOf(spec: ModelSpec, real: RealQueue): EnqueueOptions {
  const { priority, maxAttempts, timeoutSeconds, dedupeKey, dueInMs } = spec;
  return {
    priority,
    maxAttempts,
    timeoutSeconds: timeoutSeconds ?? undefined,
    dedupeKey: dedupeKey ?? undefined,
    runAfter: dueInMs === null ? undefined : real.date(dueInMs),
  };
}

function compare(specified: readonly ModelSpec[], answers: readonly Enqueued[], { model, met }: World): void {
  for (const { id, created } of answers) {
    met.answers.add(created ? "created" : "active already");
    ok(!created || !model.jobs.has(id), `job ${id} is there already`);
  }
  deepStrictEqual(
    answers,
    specified.map((spec, index) => model.enqueue(spec, answers[index]?.id ?? "")),
  );
}

/** Compares what came of the call, or its refusal, with the model's. */
async function outcome(
  specified: readonly ModelSpec[],
  answers: Promise<readonly Enqueued[]>,
  world: World,
): Promise<void> {
  const clash = world.model.clash(specified);
  if (clash === undefined) {
    compare(specified, await answers, world);
    return;
  }
  const { where, index } = clash;
  const error: unknown = await answers.then(
    () => undefined,
    (refusal: unknown) => refusal,
  );
  if (where === "table") ok(isPqrunError(error, "dedupe-conflict") && error.index === index, String(error));
  else ok(isPqrunError(error, "invalid-input") && error.field === `jobs[${index}].dedupeKey`, String(error));
}

/** One job. */
export const enqueue = kind("enqueue", specs, async (spec, world, real) => {
  const answer = real.store.enqueue(spec.type, spec.payload, optionsOf(spec, real));
  await outcome(
    [spec],
    answer.then((enqueued) => [enqueued]),
    world,
  );
});

/** Several in one statement, some of them with the same key. */
export const enqueueMany = kind(
  "enqueueMany",
  fc.array(specs, { minLength: 1, maxLength: 6 }),
  async (list, world, real) => {
    const jobs = list.map((spec) => ({ type: spec.type, payload: spec.payload, ...optionsOf(spec, real) }));
    await outcome(list, real.store.enqueueMany(jobs), world);
  },
);
