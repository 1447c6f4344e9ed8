// What the application does beside the queue: triggers that skip rows, transactions that refer to jobs.
import { deepStrictEqual, rejects } from "node:assert/strict";

import fc from "fast-check";

import { kind } from "../command.ts";
import { nth, oftenNull, types } from "./inputs.ts";

/** A handler's transaction, or anybody's, refers to a RUNNING job by a foreign key, and stays open while others go on. */
export const refer = kind("refer", nth, (n, world, real) => {
  const { model, met } = world;
  const job = model.jobs.get(world.id(n, "RUNNING"));
  if (job !== undefined && model.referred.size === 0) {
    met.answers.add(`referred to ${job.status}`);
    model.referred.add(job.id);
    // Its row is not this command's to wait for: what the command has moved is not committed yet.
    real.later(() => real.refer(job.id));
  }
  return Promise.resolve();
});

/** And comes to nothing. */
export const refersNoMore = kind("refersNoMore", fc.constant(null), async (_, { model }, real) => {
  model.referred.clear();
  await real.refersNoMore();
});

/** A row that a trigger skips: its caller gets the active job's id that has its key, or an error, and nothing is written. */
export const enqueueSkipped = kind(
  "enqueueSkipped",
  fc.record({ type: types, dedupeKey: oftenNull(fc.constantFrom("k", "l")) }),
  async ({ type, dedupeKey }, { model, met }, real) => {
    const enqueue = () =>
      real.attempt(() => real.store.enqueue(type, { skip: true }, { dedupeKey: dedupeKey ?? undefined }));
    const active = model.active(dedupeKey);
    met.answers.add(active === undefined ? "skipped" : "skipped, active already");
    if (active === undefined) await rejects(enqueue, /a trigger.* skip/);
    else if (active.type !== type) await rejects(enqueue, /active under another type/);
    else deepStrictEqual(await enqueue(), { id: active.id, created: false });
  },
);
