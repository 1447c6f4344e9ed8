import { setImmediate as eventsPass } from "node:timers/promises";

import { expect, test } from "vitest";

import { HandedOutJob } from "../../src/core/turn/picked-up-job-row.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { backoffPolicy } from "../../src/core/delay-policies.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { JobSlots, type JobSlotsOptions } from "../../src/runners/job/job-slots.ts";
import { executor } from "../../src/core/make-executor.ts";

const job = (id: number): HandedOutJob =>
  new HandedOutJob(["job", String(id), "none", "{}", null, null, null, "0", null, null, null], "worker:1");

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
    tell: () => undefined,
    mayStart: () => true,
    onEnd: () => {
      slots.start();
    },
    ...options,
  });
  return slots;
}

test("of a buffer of jobs that end at once, no more start than a burst before the event loop has its turn", async () => {
  const slots = slotsFor({ burst: 100 });
  for (let id = 0; id < 250; id += 1) slots.add(job(id));
  slots.start();
  await eventsPass();
  expect(slots.outbox.size).toBe(100);
  expect(slots.buffered).toBe(150);
  while (slots.held > 0) await eventsPass();
  expect(slots.outbox.size).toBe(250);
});

test("without one, all that can start do", async () => {
  const slots = slotsFor({});
  for (let id = 0; id < 250; id += 1) slots.add(job(id));
  slots.start();
  await eventsPass();
  expect(slots.outbox.size).toBe(250);
});
