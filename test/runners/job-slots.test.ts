import { setImmediate as eventsPass } from "node:timers/promises";

import { expect, test } from "vitest";

import { PickedUpJobRow } from "../../src/core/turn/picked-up-job-row.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { backoffPolicy } from "../../src/core/delay-policies.ts";
import { PgJobStore } from "../../src/core/store.ts";
import type { JobEventName } from "../../src/runners/job/job-event.ts";
import { JobSlots, type JobSlotsOptions } from "../../src/runners/job/job-slots.ts";
import { executor } from "../../src/core/make-executor.ts";

const job = (id: number): PickedUpJobRow =>
  new PickedUpJobRow(["job", String(id), "none", "{}", null, null, null, "0", null, null, null], "worker:1");

function slotsFor(options: Partial<JobSlotsOptions>): JobSlots {
  const slots: JobSlots = new JobSlots({
    slots: 10,
    runJob: {
      store: new PgJobStore(executor({ query: () => Promise.reject(new Error("nothing is sent")) })),
      handlers: new Map([["none", () => undefined]]),
      backoff: backoffPolicy(),
      timeoutSeconds: 1_200,
      logger: silentLogger,
      redact: undefined,
      now: () => 0,
    },
    emit: () => undefined,
    mayStart: () => true,
    onEnd: () => {
      slots.start();
    },
    ...options,
  });
  slots.open();
  return slots;
}

/** The settlements that wait, by outcome, and the names of all events. */
function watched(options: Partial<JobSlotsOptions> = {}): {
  readonly slots: JobSlots;
  readonly events: JobEventName[];
  readonly outcomes: () => readonly string[];
} {
  const events: JobEventName[] = [];
  const slots = slotsFor({ emit: ({ event }) => events.push(event), onEnd: () => undefined, ...options });
  return { slots, events, outcomes: () => slots.settlementQueue.next().map(({ outcome }) => outcome) };
}

test("of a buffer of jobs that end at once, no more start than a burst before the event loop has its turn", async () => {
  const slots = slotsFor({ burst: 100 });
  for (let id = 0; id < 250; id += 1) slots.add(job(id));
  slots.start();
  await eventsPass();
  expect(slots.settlementQueue.size).toBe(100);
  expect(slots.buffered).toBe(150);
  while (slots.held > 0) await eventsPass();
  expect(slots.settlementQueue.size).toBe(250);
});

test("without one, all that can start do", async () => {
  const slots = slotsFor({});
  for (let id = 0; id < 250; id += 1) slots.add(job(id));
  slots.start();
  await eventsPass();
  expect(slots.settlementQueue.size).toBe(250);
});

test.for([
  ["aborted", (slots: JobSlots) => slots.abort("shutdown")],
  ["cut short", (slots: JobSlots) => slots.abort("deadline")],
  ["given up", (slots: JobSlots) => slots.giveUp()],
] as const)("a job that is %s before its handler has started is given back", async ([, end]) => {
  const { slots, events, outcomes } = watched();
  for (let id = 0; id < 3; id += 1) slots.add(job(id));
  slots.start();
  end(slots);
  await eventsPass();
  expect([slots.held, slots.settlementQueue.leftToExpire, events]).toEqual([0, 0, []]);
  expect(outcomes()).toEqual(["release", "release", "release"]);
});

test("a job whose lease is lost before its handler has started is nobody's to give back", async () => {
  const { slots, events, outcomes } = watched();
  const lost = job(1);
  slots.add(lost);
  slots.start();
  slots.withdraw(lost)?.abandon("lost");
  await eventsPass();
  expect([events, outcomes()]).toEqual([["lost"], []]);
});

test("a handler that blocks the event loop keeps those behind it from starting too late", async () => {
  let blocked = false;
  const { slots, events, outcomes } = watched({
    mayStart: () => !blocked,
    emit: ({ event }) => {
      events.push(event);
      blocked = true;
    },
  });
  for (let id = 0; id < 3; id += 1) slots.add(job(id));
  slots.start();
  await eventsPass();
  expect(events).toEqual(["started"]);
  expect(outcomes()).toEqual(["release", "release", "done"]);
});
