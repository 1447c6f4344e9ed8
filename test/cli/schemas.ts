import { z } from "zod";

import { DRAIN_ENDS } from "../../src/runners/drain/drain-options.ts";
import { JOB_EVENTS } from "../../src/runners/job/job-event.ts";

const iso = z.iso.datetime();
const id = z.string().regex(/^\d+$/);

/** What each `--json` prints: strict, so that a field is neither lost nor added unseen. */
export const job = z.strictObject({
  id,
  type: z.string(),
  status: z.enum(["READY", "RUNNING", "DONE", "FAILED", "CANCELLED"]),
  priority: z.int(),
  attempts: z.int(),
  maxAttempts: z.int(),
  runAfter: iso,
  timeoutSeconds: z.int().nullable(),
  lockedAt: iso.nullable(),
  lockedBy: z.string().nullable(),
  leaseExpiresAt: iso.nullable(),
  dedupeKey: z.string().nullable(),
  schedule: z.string().nullable(),
  scheduledFor: iso.nullable(),
  lastError: z.string().nullable(),
  errors: z.array(
    z.strictObject({
      attempt: z.int(),
      at: iso,
      worker: z.string().nullable(),
      durationMs: z.number().nullable(),
      kind: z.string(),
      error: z.string(),
    }),
  ),
  finishedAt: iso.nullable(),
  durationMs: z.number().nullable(),
  createdAt: iso,
  updatedAt: iso,
});

export const jobWithAll = job.extend({
  payload: z.record(z.string(), z.unknown()),
  headers: z.record(z.string(), z.string()),
  result: z.unknown(),
});

export const enqueued = z.strictObject({ id, created: z.boolean() });

const acted = { id, status: job.shape.status.nullable(), why: z.string().nullable() };
export const retried = z.strictObject({ ...acted, retried: z.boolean() });
export const cancelled = z.strictObject({ ...acted, cancelled: z.boolean() });

export const deleted = z.strictObject({ ...acted, deleted: z.boolean() });

export const pruned = z.strictObject({ matched: z.int(), deleted: z.int(), dryRun: z.boolean() });

const count = z.int().nonnegative();
export const drained = z.strictObject({
  ...{
    done: count,
    retried: count,
    failed: count,
    snoozed: count,
    released: count,
    continued: count,
    lost: count,
  },
  ...{
    cancelled: count,
    reaped: count,
    unsettled: count,
    pruned: count,
    statements: count,
    elapsedMs: count,
  },
  stoppedBy: z.enum(DRAIN_ENDS),
  more: z.boolean(),
  nextDueInMs: z.number().nullable(),
  error: z.string().nullable(),
});

export const jobEvent = z.strictObject({
  event: z.enum(JOB_EVENTS),
  id,
  type: z.string(),
  attempts: count.nullable(),
  durationMs: z.number().nullable(),
  lastError: z.string().nullable(),
});

const leftOut = z.strictObject({ id, why: z.enum(["twin", "locked", "held"]), blockedBy: id.nullable() });
const bulk = { matched: count, complete: z.boolean(), leftOut: z.array(leftOut), dryRun: z.boolean() };
export const retriedAll = z.strictObject({ ...bulk, retried: count });
export const cancelledAll = z.strictObject({ ...bulk, cancelled: count });

export const imported = z.strictObject({
  matched: count,
  moved: count,
  dryRun: z.boolean(),
  left: z.array(z.string()),
});

export const finding = z.strictObject({
  check: z.string(),
  severity: z.enum(["problem", "hint"]),
  what: z.string(),
  cure: z.string().nullable(),
});

const seconds = z.number().nonnegative().nullable();
const typeNow = z.strictObject({
  ...{ type: z.string(), ready: count, due: count, oldestDueSeconds: seconds, running: count, failed: count },
});
export const overview = z.strictObject({
  ...{
    ready: count,
    due: count,
    oldestDueSeconds: seconds,
    running: count,
    leasesEnded: count,
    failed: count,
  },
  types: z.array(typeNow),
  atLeast: z.array(z.enum(["READY", "RUNNING", "FAILED"])),
  at: iso,
});
export const look = overview.extend({
  donePerMinute: count.nullable(),
  failedPerMinute: count.nullable(),
  workers: z.array(
    z.strictObject({
      ...{ worker: z.string(), running: count, oldestLockedAt: iso.nullable() },
      ...{ leaseEndsAt: iso.nullable(), waitsUntil: iso.nullable() },
    }),
  ),
});

export const migrated = z.strictObject({
  table: z.enum(["created", "upgraded", "unchanged"]),
  built: z.array(z.string()),
  dropped: z.array(z.string()),
});

const byState = z.partialRecord(job.shape.status, count);
export const stats = z.strictObject({
  ...{ counts: byState, types: z.record(z.string(), byState), about: z.array(job.shape.status) },
  ...{ due: count, oldestDueSeconds: seconds, leasesEnded: count, tableAge: count },
});

export const schedule = z.strictObject({
  ...{ name: z.string(), job: z.string(), payload: z.record(z.string(), z.unknown()), cron: z.string() },
  ...{ timeZone: z.string(), missed: z.enum(["once", "all", "skip"]), overlap: z.enum(["skip", "allow"]) },
  ...{ jitterSeconds: count, tickAs: z.string().nullable(), priority: z.int(), maxAttempts: count },
  ...{ timeoutSeconds: count.nullable(), paused: z.boolean(), owner: z.string().nullable() },
  ...{ nextTick: iso.nullable(), lastTick: iso.nullable(), lastJobId: id.nullable() },
  ...{ lastJobStatus: job.shape.status.nullable(), lastError: z.string().nullable() },
});

/** A list: a line of JSON for each. */
export function lines<T>(stdout: string, schema: z.ZodType<T>): T[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => schema.parse(JSON.parse(line)));
}
