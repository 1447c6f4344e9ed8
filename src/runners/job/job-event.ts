import type { Fence } from "../../core/job.ts";
import { logsDebug } from "../../core/logger.ts";
import type { Logger } from "../../core/logger.ts";
import { safely } from "../../core/safely.ts";
import type { TurnAnswer } from "../../core/turn/turn-answer.ts";

/** What can happen to a job in a runner. */
export const JOB_EVENTS = [
  "started",
  "done",
  "retried",
  "failed",
  "snoozed",
  "continued",
  "released",
  "lost",
  "cancelled",
  "reaped",
  "unsettled",
] as const;

/** One of {@link JOB_EVENTS}. */
export type JobEventName = (typeof JOB_EVENTS)[number];

/**
 * Something that happened to a job. All but `started` and `unsettled` follow the database's answer. `unsettled` means that
 * the lease is left to run out: the handler ignored a shutdown, or the database refused the settlement twice.
 */
export interface JobEvent {
  readonly event: JobEventName;
  readonly id: string;
  readonly type: string;
  /** Null where the runner did not hold the job: `reaped`, and `failed` without an attempt left. */
  readonly attempts: number | null;
  readonly durationMs: number | null;
  /** What the handler threw, as it threw it: it may hold secrets. */
  readonly error?: unknown;
  /** What `last_error` says now, without secrets, where the attempt failed. */
  readonly lastError?: string;
}

/** Called with each event, and not waited for. What it throws, or rejects with, is logged and goes no further. */
export type OnJobEvent = (event: JobEvent) => unknown;

/** Tells of an event. */
export type EmitJobEvent = (event: JobEvent) => void;

/** An event of a job that the runner held. */
export function jobEvent(
  event: JobEventName,
  job: Fence & { readonly type: string },
  durationMs: number | null = null,
  error?: unknown,
  lastError?: string,
): JobEvent {
  const { id, type, attempts } = job;
  const fields = { event, id, type, attempts, durationMs };
  if (lastError !== undefined) return { ...fields, error, lastError };
  return error === undefined ? fields : { ...fields, error };
}

/** Logs each event, of its error only the first line as it is stored, and calls the user's hook. */
export function eventEmitter(onEvent: OnJobEvent | undefined, logger: Logger): EmitJobEvent {
  const debugs = logsDebug(logger);
  const failed = (error: string): void => {
    logger.error("onEvent threw", { error });
  };
  return (event) => {
    if (debugs || isTrouble(event)) log(logger, event);
    if (onEvent !== undefined) void safely(() => onEvent(event), failed);
  };
}

/** Whether somebody should look at it: a failed attempt, or one whose lease was lost. */
function isTrouble({ event }: JobEvent): boolean {
  return event === "retried" || event === "failed" || event === "lost" || event === "unsettled";
}

/** Most characters of an error in a line. */
const MAX_ERROR = 500;

function log(logger: Logger, event: JobEvent): void {
  const { id, type, attempts, durationMs, lastError } = event;
  const fields = { type, id, attempts, durationMs };
  if (!isTrouble(event)) {
    logger.debug(`job ${event.event}`, fields);
    return;
  }
  const [error = ""] = (lastError ?? "").split("\n", 1);
  const message = event.event === "retried" ? "an attempt failed, its job runs again" : `job ${event.event}`;
  logger.warn(message, error === "" ? fields : { ...fields, error: error.slice(0, MAX_ERROR) });
}

/** Counts of events by name, all but `started` and `unsettled`. */
export type OutcomeCounts = Readonly<Record<Exclude<JobEventName, "started" | "unsettled">, number>>;

/** Counts events on their way to a hook. */
export class EventCounts {
  /** Counts an event and passes it on. */
  readonly emit: EmitJobEvent;
  readonly #counts = new Map<JobEventName, number>();

  constructor(next: EmitJobEvent) {
    this.emit = (event) => {
      this.#counts.set(event.event, this.#of(event.event) + 1);
      next(event);
    };
  }

  /** Tells of the jobs that a turn reaped, or found without an attempt left. */
  emitReaped({ reaped, exhausted }: Pick<TurnAnswer, "reaped" | "exhausted">): void {
    for (const { id, type } of reaped)
      this.emit({ event: "reaped", id, type, attempts: null, durationMs: null });
    for (const { id, type } of exhausted)
      this.emit({ event: "failed", id, type, attempts: null, durationMs: null });
  }

  counts(): OutcomeCounts {
    return {
      done: this.#of("done"),
      retried: this.#of("retried"),
      failed: this.#of("failed"),
      snoozed: this.#of("snoozed"),
      continued: this.#of("continued"),
      released: this.#of("released"),
      lost: this.#of("lost"),
      cancelled: this.#of("cancelled"),
      reaped: this.#of("reaped"),
    };
  }

  #of(name: JobEventName): number {
    return this.#counts.get(name) ?? 0;
  }
}
