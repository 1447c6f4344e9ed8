// The Python package's worker, which settles by id alone: a stand-in of two statements.
import fc from "fast-check";

import { kind } from "../command.ts";
import { nth } from "./inputs.ts";

/** Picks up one job of any type: no lease, and what was left of one stays. */
export const pythonPickUp = kind("pythonPickUp", fc.constant(null), async (_, { model }, real) => {
  await real.client.query(`UPDATE jobs SET status = 'RUNNING', attempts = attempts + 1, locked_at = now(),
    locked_by = 'python', updated_at = now() WHERE id = (SELECT id FROM jobs WHERE status = 'READY' AND run_after <= now()
    ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED)`);
  const [job] = [...model.due(["a", "b"])].sort(
    (a, b) => b.priority - a.priority || Number(a.id) - Number(b.id),
  );
  if (job === undefined) return;
  const { now } = model;
  const locked = { lockedAt: now, lockedBy: "python", updatedAt: now };
  model.edit(job.id, { ...locked, status: "RUNNING", attempts: job.attempts + 1 });
});

/** Cancels a job in whatever state, and leaves its holder and its lease as they are. */
export const pythonCancel = kind("pythonCancel", nth, async (n, world, real) => {
  const { model } = world;
  const id = world.id(n, "RUNNING");
  await real.client.query(
    "UPDATE jobs SET status = 'CANCELLED', finished_at = now(), updated_at = now() WHERE id = $1",
    [id],
  );
  model.edit(id, { status: "CANCELLED", finishedAt: model.now, updatedAt: model.now });
});

/** Ends a job, its own or not. */
export const pythonEnd = kind(
  "pythonEnd",
  fc.record({ nth, status: fc.constantFrom("DONE", "FAILED", "READY") }),
  async ({ nth: n, status }, world, real) => {
    const id = world.id(n);
    await real.client.query(
      `UPDATE jobs SET status = $2::job_status, locked_at = NULL, locked_by = NULL, updated_at = now(),
         finished_at = CASE WHEN $2 <> 'READY' THEN now() END WHERE id = $1 AND status = 'RUNNING'`,
      [id, status],
    );
    if (world.model.jobs.get(id)?.status !== "RUNNING") return;
    const { now } = world.model;
    const over = { lockedAt: null, lockedBy: null, updatedAt: now };
    world.model.edit(id, { ...over, status, finishedAt: status === "READY" ? null : now });
  },
);
