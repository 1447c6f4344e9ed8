import { deepStrictEqual } from "node:assert/strict";

import fc from "fast-check";

import { JOB_STATUSES } from "../../../src/core/job.ts";
import { kind, told } from "../command.ts";
import { nth, oftenNull } from "./inputs.ts";
import { handedOut } from "./turn.ts";

/** One job, or none. */
export const get = kind("get", nth, async (n, world, real) => {
  const { model } = world;
  const job = await real.store.get(world.id(n));
  const expected = model.jobs.get(world.id(n));
  deepStrictEqual(job && real.job(job, model.now), expected === undefined ? null : told(expected));
});

/** A page. */
export const list = kind(
  "list",
  fc.record({
    statuses: oftenNull(fc.subarray([...JOB_STATUSES])),
    types: oftenNull(fc.subarray(["a", "b"])),
    before: oftenNull(nth),
    limit: fc.constantFrom(100, 1, 3),
  }),
  async ({ statuses, types, before, limit }, world, real) => {
    const { model } = world;
    const beforeId = before === null ? undefined : world.id(before);
    const jobs = await real.store.list({
      statuses: statuses ?? undefined,
      types: types ?? undefined,
      beforeId,
      limit,
    });
    const expected = model
      .all()
      .filter(({ status }) => statuses?.includes(status) ?? true)
      .filter(({ type }) => types?.includes(type) ?? true)
      .filter((job) => beforeId === undefined || Number(job.id) < Number(beforeId));
    deepStrictEqual(
      jobs.map((job) => real.job(job, model.now)),
      expected.reverse().slice(0, limit).map(told),
    );
  },
);

/** The jobs of a pick-up whose answer was lost: those that it still holds. */
export const findPickUp = kind("findPickUp", fc.array(nth, { maxLength: 3 }), async (nths, world, real) => {
  const { model } = world;
  const nonces = nths.map((n) => world.attempt(n).lockedBy);
  const found = await real.store.findPickUp(nonces);
  const expected = model
    .all()
    .filter(({ status, lockedBy }) => status === "RUNNING" && nonces.includes(lockedBy ?? ""))
    .sort((a, b) => b.priority - a.priority || a.runAfter - b.runAfter);
  deepStrictEqual(
    found.map((job) => ({
      ...job,
      runAfter: real.time(job.runAfter, model.now),
      scheduledFor: real.time(job.scheduledFor, model.now),
      createdAt: real.time(job.createdAt, model.now),
    })),
    expected.map((job) => handedOut(job, job.attempts > 1)),
  );
});

/** What is in the table. */
export const stats = kind("stats", fc.constant(null), async (_, { model }, real) => {
  const { counts, types, due, oldestDueSeconds, leasesEnded } = await real.store.stats();
  const all = model.all();
  const late = model.due(["a", "b"]);
  const byType = ["a", "b"].filter((type) => all.some((job) => job.type === type));
  deepStrictEqual(
    { counts, types, due, oldestDueSeconds, leasesEnded },
    {
      counts: Object.fromEntries(JOB_STATUSES.map((status) => [status, count({ status })])),
      types: Object.fromEntries(
        byType.map((type) => [
          type,
          Object.fromEntries(
            JOB_STATUSES.filter((status) => count({ type, status }) > 0).map((status) => [
              status,
              count({ type, status }),
            ]),
          ),
        ]),
      ),
      due: late.length,
      oldestDueSeconds:
        late.length === 0 ? null : (model.now - Math.min(...late.map(({ runAfter }) => runAfter))) / 1_000,
      leasesEnded: all.filter(
        (job) =>
          job.status === "RUNNING" && job.leaseHolder === job.lockedBy && (job.leaseEnd ?? 0) <= model.now,
      ).length,
    },
  );
  function count(like: { readonly type?: string; readonly status: string }): number {
    return all.filter((job) => job.status === like.status && job.type === (like.type ?? job.type)).length;
  }
});
