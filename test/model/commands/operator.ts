import { deepStrictEqual } from "node:assert/strict";

import fc from "fast-check";

import { FINISHED_STATUSES } from "../../../src/core/operations/prune-rules.ts";
import { JOB_STATUSES } from "../../../src/core/job.ts";
import { kind } from "../command.ts";
import { nth } from "./inputs.ts";

const status = fc.constantFrom(...JOB_STATUSES);

/** One job, in whatever state. */
export const cancel = kind(
  "cancel",
  fc.record({ nth, status }),
  async ({ nth: n, status: like }, world, real) => {
    const id = world.id(n, like);
    const expected = world.model.cancel(id);
    world.met.answers.add(expected.cancelled ? "cancelled" : `not cancelled ${expected.status ?? "no job"}`);
    deepStrictEqual(await real.store.cancel(id), expected);
  },
);

/** By hand. */
export const retry = kind("retry", nth, async (n, world, real) => {
  const id = world.id(n, "FAILED");
  const answer = await real.attempt(() => real.store.retry(id));
  const expected = world.model.retry(id);
  if (expected.blockedBy !== undefined) world.met.answers.add("retry conflict");
  else world.met.answers.add(expected.retried ? "retried" : `not retried ${expected.status ?? "no job"}`);
  deepStrictEqual(answer, expected);
});

/** Finished jobs. */
export const prune = kind(
  "prune",
  fc.record({
    olderThanSeconds: fc.constantFrom(0, 5, 30, 120),
    statuses: fc.constantFrom(FINISHED_STATUSES, ["DONE"] as const, ["FAILED", "CANCELLED"] as const),
    limit: fc.constantFrom(1, 2, 100),
  }),
  async ({ olderThanSeconds, statuses, limit }, { model, met }, real) => {
    const deleted = model.prune(olderThanSeconds, statuses, limit);
    met.answers.add(deleted > 0 ? "pruned" : "nothing pruned");
    const answer = await real.store.prune({ olderThanSeconds, statuses, limit });
    deepStrictEqual(answer, { deleted, more: deleted === limit });
  },
);

/** With SQL of their own: what brings a job to its last attempt or its last release. */
export const edit = kind(
  "edit",
  fc.record({ nth, column: fc.constantFrom("maxAttempts", "released"), value: fc.constantFrom(1, 0, 9, 10) }),
  async ({ nth: n, column, value }, world, real) => {
    const id = world.id(n, "READY");
    const name = column === "released" ? "released" : "max_attempts";
    await real.client.query(`UPDATE jobs SET ${name} = $2 WHERE id = $1`, [id, value]);
    world.model.edit(id, column === "released" ? { released: value } : { maxAttempts: value });
  },
);
