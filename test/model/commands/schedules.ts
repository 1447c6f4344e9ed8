// Rows of jobs_schedules, and whatever ticks them. An expression's ticks are another test's: here each has one that comes.
import { deepStrictEqual, ok } from "node:assert/strict";

import fc from "fast-check";

import { kind } from "../command.ts";
import type { ScheduleSpec } from "../schedule-model.ts";
import { types } from "./inputs.ts";

const names = fc.constantFrom("s", "t");

const specs: fc.Arbitrary<ScheduleSpec> = fc.record({
  type: types,
  payload: fc.nat(3).map((n) => ({ n })),
  priority: fc.constantFrom(0, 5),
  maxAttempts: fc.constantFrom(1, 2, 5),
  missed: fc.constantFrom("once", "skip"),
  overlap: fc.constantFrom("skip", "allow"),
  // A minute is what is late.
  dueInMs: fc.constantFrom(0, 0, -1_000, -60_000, -3_600_000, 1_000, 30_000),
});

/** Half a year ahead or more: no run comes to that. */
const FAR = `0 0 1 ${((new Date().getUTCMonth() + 7) % 12) + 1} *`;

/** Made or changed, and to tick then. */
export const schedule = kind(
  "schedule",
  fc.record({ name: names, spec: specs }),
  async ({ name, spec }, { model }, real) => {
    const { type, dueInMs, ...rest } = spec;
    await real.store.schedule(name, { job: type, cron: FAR, ...rest });
    await real.client.query(
      "UPDATE jobs_schedules SET next_tick = now() + $2 * interval '1 ms' WHERE name = $1 AND NOT paused",
      [name, dueInMs],
    );
    model.schedules.set(name, spec, model.now);
  },
);

/** Deleted; its jobs stay. */
export const unschedule = kind("unschedule", names, async (name, { model }, real) => {
  deepStrictEqual(await real.store.unschedule(name), model.schedules.delete(name));
});

/** Stopped, or going on. */
export const pauseSchedule = kind(
  "pauseSchedule",
  fc.record({ name: names, paused: fc.boolean() }),
  async ({ name, paused }, { model }, real) => {
    const answer = await (paused ? real.store.pauseSchedule(name) : real.store.resumeSchedule(name));
    deepStrictEqual(answer, model.schedules.pause(name, paused));
  },
);

/** Whatever is due. */
export const tick = kind("tick", fc.constant(null), async (_, { model, met }, real) => {
  const ticks = await real.store.tick();
  for (const { jobId } of ticks)
    ok(jobId === null || !model.jobs.has(jobId), `job ${jobId} is there already`);
  const expected = model.schedules.tick(model, (place) => ticks[place]?.jobId ?? "no job");
  for (const { made } of expected) met.answers.add(made ? "ticked" : "ticked, and made none");
  deepStrictEqual(
    ticks.map(({ at, jobId, ...rest }) => ({ ...rest, at: real.time(at, model.now), made: jobId !== null })),
    expected.map((one) => ({ ...one, problem: null })),
  );
});
