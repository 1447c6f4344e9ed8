import type { PickedUpJob } from "../../src/core/job.ts";
import { TEXT, type Payload } from "./jobs.ts";

/** What of a job was handed out other than it was enqueued. */
export function misread(job: PickedUpJob): string | undefined {
  const { is } = JSON.parse(job.payloadText) as Partial<Payload>;
  if (is === undefined) return undefined;
  const { key, due, priority, most, timeout, text } = is;
  // A later attempt has another due time, and so has one after a snooze.
  const first = job.attempts === 1 && job.type !== "snooze";
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ["dedupeKey", job.dedupeKey, key],
    ["priority", job.priority, priority],
    ["maxAttempts", job.maxAttempts, most],
    ["timeoutSeconds", job.timeoutSeconds, timeout],
    ["text", text, TEXT],
    ["runAfter", due !== null && first ? job.runAfter.getTime() : due, due],
    ["createdAt", Math.abs(job.createdAt.getTime() - Date.now()) < 86_400_000, true],
  ];
  const wrong = pairs.find(([, is, should]) => is !== should);
  return wrong && `${wrong[0]} ${String(wrong[1])}, not ${String(wrong[2])}`;
}
