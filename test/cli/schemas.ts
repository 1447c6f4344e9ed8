import { z } from "zod";

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
  lastError: z.string().nullable(),
  finishedAt: iso.nullable(),
  durationMs: z.number().nullable(),
  createdAt: iso,
  updatedAt: iso,
});

export const jobWithAll = job.extend({
  payload: z.record(z.string(), z.unknown()),
  result: z.unknown(),
});

export const enqueued = z.strictObject({ id, created: z.boolean() });

const acted = { id, status: job.shape.status.nullable(), why: z.string().nullable() };
export const retried = z.strictObject({ ...acted, retried: z.boolean() });
export const cancelled = z.strictObject({ ...acted, cancelled: z.boolean() });

export const pruned = z.strictObject({ matched: z.int(), deleted: z.int(), dryRun: z.boolean() });

/** A list: a line of JSON for each. */
export function lines<T>(stdout: string, schema: z.ZodType<T>): T[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => schema.parse(JSON.parse(line)));
}
