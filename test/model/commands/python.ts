// The Python package's worker and reaper, by the statements that they send: they know no lease, and settle by id alone.
import fc from "fast-check";

import {
  PYTHON_CANCEL,
  PYTHON_MARK_DONE,
  PYTHON_MARK_ERROR,
  PYTHON_PICK_UP,
  PYTHON_REAP,
} from "../../support/python-statements.ts";
import { kind } from "../command.ts";
import { nth } from "./inputs.ts";

/** What each of its settlements and its reap leave of a hold: the lease stays as it was. */
const OVER = { lockedAt: null, lockedBy: null } as const;

/**
 * Picks up one job of any type: no lease, whatever attempts are left, and what was left of one stays. It locks as though it
 * would delete the row, and so passes over one that an open transaction refers to.
 */
export const pythonPickUp = kind("pythonPickUp", fc.constant(null), async (_, { model }, real) => {
  await real.client.query(PYTHON_PICK_UP, ["python"]);
  const [job] = model
    .due(["a", "b"])
    .filter(({ id }) => !model.referred.has(id))
    .sort((a, b) => b.priority - a.priority || Number(a.id) - Number(b.id));
  if (job === undefined) return;
  const { now } = model;
  const anew = { lockedAt: now, lockedBy: "python", updatedAt: now, finishedAt: null, durationMs: null };
  model.edit(job.id, { ...anew, status: "RUNNING", attempts: job.attempts + 1 });
});

/** Cancels a job in whatever state, and leaves its holder and its lease as they are. */
export const pythonCancel = kind("pythonCancel", nth, async (n, world, real) => {
  const { model } = world;
  const id = world.id(n, "RUNNING");
  await real.client.query(PYTHON_CANCEL, [id]);
  model.edit(id, { status: "CANCELLED", finishedAt: model.now, updatedAt: model.now });
});

/** Ends a RUNNING job, its own or not; without a result the one that is there stays. */
export const pythonDone = kind(
  "pythonDone",
  fc.record({ nth, result: fc.constantFrom(null, { py: 1 }) }),
  async ({ nth: n, result }, world, real) => {
    const { model } = world;
    const job = model.jobs.get(world.id(n, "RUNNING"));
    if (job?.status !== "RUNNING") return;
    await real.client.query(PYTHON_MARK_DONE, [job.id, 5, result === null ? null : JSON.stringify(result)]);
    const { now } = model;
    const ended = { ...OVER, finishedAt: now, updatedAt: now, durationMs: 5 };
    model.edit(job.id, { ...ended, status: "DONE", result: result ?? job.result });
  },
);

/** Fails the attempt of a RUNNING job, its own or not. */
export const pythonError = kind(
  "pythonError",
  fc.record({ nth, terminal: fc.boolean() }),
  async ({ nth: n, terminal }, world, real) => {
    const { model } = world;
    const job = model.jobs.get(world.id(n, "RUNNING"));
    if (job?.status !== "RUNNING") return;
    await real.client.query(PYTHON_MARK_ERROR, [job.id, "KeyError", terminal, "2 seconds", null, null]);
    const { now } = model;
    const over = { ...OVER, lastError: "KeyError", updatedAt: now };
    if (terminal || job.attempts >= job.maxAttempts)
      model.edit(job.id, { ...over, status: "FAILED", finishedAt: now });
    else model.edit(job.id, { ...over, status: "READY", finishedAt: null, runAfter: now + 2_000 });
  },
);

/** Reaps by the time of the pick-up alone, and whatever attempts are left. */
export const pythonReap = kind("pythonReap", fc.constant(null), async (_, { model }, real) => {
  await real.client.query(PYTHON_REAP, [20]);
  const { now } = model;
  for (const job of model.all()) {
    const { status, lockedAt, timeoutSeconds } = job;
    if (status !== "RUNNING" || lockedAt === null || lockedAt + (timeoutSeconds ?? 20) * 1_000 >= now)
      continue;
    const due = Math.max(job.runAfter, now);
    model.edit(job.id, { ...OVER, status: "READY", runAfter: due, updatedAt: now });
  }
});
