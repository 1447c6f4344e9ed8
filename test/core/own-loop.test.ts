import { expect, test } from "vitest";

import { NonRetriableError, RetryAfterError, SnoozeError } from "../../src/core/errors.ts";
import type { Job, PickedUpJob } from "../../src/core/job.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

/** A picked-up job with attempts left. */
async function running(): Promise<PickedUpJob> {
  await queue.insert();
  const [job] = await store.pickup({ types: ["a"] });
  if (job === undefined) throw new Error("nothing was picked up");
  return job;
}

const CASES: Readonly<
  Record<
    string,
    readonly [act: (job: PickedUpJob) => Promise<unknown>, expected: Partial<Job>, dueInMs?: number]
  >
> = {
  "an error is tried again a minute later": [
    (job) => store.markError(job, new Error("no")),
    { status: "READY", attempts: 1 },
    60_000,
  ],
  "a time of the caller's own counts": [
    (job) => store.markError(job, new Error("no"), 5_000),
    { status: "READY", attempts: 1 },
    5_000,
  ],
  "a NonRetriableError makes it FAILED, as it does in a handler": [
    (job) => store.markError(job, new NonRetriableError("never")),
    { status: "FAILED", attempts: 1 },
  ],
  "`terminal` makes it FAILED, as in the Python package": [
    (job) => store.markError(job, new Error("no handler"), { terminal: true }),
    { status: "FAILED", attempts: 1 },
  ],
  "a RetryAfterError says when": [
    (job) => store.markError(job, new RetryAfterError(7_000)),
    { status: "READY", attempts: 1 },
    7_000,
  ],
  "a SnoozeError gives the attempt back": [
    (job) => store.markError(job, new SnoozeError(7_000)),
    { status: "READY", attempts: 0 },
    7_000,
  ],
};

test.for(Object.entries(CASES))("markError: %s", async ([, [act, expected, dueInMs]]) => {
  const job = await running();
  await act(job);
  expect(await store.get(job.id)).toMatchObject(expected);
  if (dueInMs === undefined) return;
  const [row] = await queue.rows(
    "SELECT extract(epoch FROM run_after - updated_at)::float8 * 1000 AS ms FROM jobs WHERE id = $1",
    [job.id],
  );
  // The backoff varies by a tenth.
  expect(Math.abs(Number(row?.["ms"]) - dueInMs)).toBeLessThanOrEqual(0.11 * dueInMs);
});
