import type { InputOf, JobContracts, JobName, Jsonified, ResultOf } from "./contract.ts";
import type { SqlRow } from "./executor.ts";
import type { AttemptError } from "./values/attempt-error.ts";
import type { JobHeaders } from "./values/headers.ts";

/** The states of a job: waiting, held by a worker, and the three that are final. */
export const JOB_STATUSES = ["READY", "RUNNING", "DONE", "FAILED", "CANCELLED"] as const;

/** One of {@link JOB_STATUSES}. */
export type JobStatus = (typeof JOB_STATUSES)[number];

/** The states that a job may be in: pqrun's, and any that the application has added to the enum. */
export type AnyStatus = JobStatus | (string & Record<never, never>);

/** What most jobs have: it is not sent for each of them, in either direction. */
export const USUAL = { priority: 0, maxAttempts: 5, attempts: 1, outcome: "done" } as const;

/** What stands for NULL in a column that is sent: no other element is empty, below 0, JSON's null, or before all time. */
export const ABSENT = { text: "", number: -1, json: "null", moment: "-infinity" } as const;

/** The right to settle one attempt. `lockedBy` carries a nonce of its pick-up, so no two attempts share a fence. */
export interface Fence {
  /** An int8 as text: JavaScript's numbers end at 2^53. */
  readonly id: string;
  /** Which attempt this is, from 1. */
  readonly attempts: number;
  /** The worker's readable id and the nonce of the pick-up. */
  readonly lockedBy: string;
}

/** A job as a pick-up hands it out: what a handler may want to know. */
export interface PickedUpJob extends Fence {
  readonly type: string;
  /** The payload's JSON text; `parsePayload` reads it. */
  readonly payloadText: string;
  readonly maxAttempts: number;
  readonly priority: number;
  readonly runAfter: Date;
  /** Longest run of the handler in seconds; null means the runner's default. */
  readonly timeoutSeconds: number | null;
  readonly dedupeKey: string | null;
  /** The schedule that made it; null where none did. */
  readonly schedule: string | null;
  /** The tick that it stands for, however late it runs; null where no schedule made it. */
  readonly scheduledFor: Date | null;
  readonly createdAt: Date;
  /** How its attempts before this one ended, the oldest first: 10 at most, those before a retry by hand among them. */
  readonly errors: readonly AttemptError[];
  /** What its enqueue gave as `headers`; empty where nothing. */
  readonly headers: JobHeaders;
  /** Whether nothing may run beside it: its attempts so far were lost with their workers, and it may be why. */
  readonly alone: boolean;
}

/** A whole row of the table, for a status page. */
export interface Job {
  readonly id: string;
  readonly type: string;
  /** As the store's `parse` reads it; its JSON text where an integer beyond 2^53 would be rounded. */
  readonly payload: unknown;
  /** The payload as the database has it, JSON text. */
  readonly payloadText: string;
  readonly status: AnyStatus;
  readonly priority: number;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly runAfter: Date;
  readonly timeoutSeconds: number | null;
  readonly lockedAt: Date | null;
  readonly lockedBy: string | null;
  readonly leaseExpiresAt: Date | null;
  readonly dedupeKey: string | null;
  /** The schedule that made it; null where none did. */
  readonly schedule: string | null;
  /** The tick that it stands for; null where no schedule made it. */
  readonly scheduledFor: Date | null;
  readonly lastError: string | null;
  /** How its attempts ended that were not DONE, the oldest first: the newest 10. */
  readonly errors: readonly AttemptError[];
  /** What its enqueue gave as `headers`; empty where nothing. */
  readonly headers: JobHeaders;
  readonly finishedAt: Date | null;
  readonly durationMs: number | null;
  /** Read as the payload is. */
  readonly result: unknown;
  /** The result as the database has it, JSON text; null where there is none. */
  readonly resultText: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/**
 * A row whose contract is known: what `store.get("summarize", id)` gives. The types are the contract's word for what
 * enqueue took and the handler returned, as JSON gives them back; no schema is asked again, and of a row that SQL has
 * written, or that holds an integer beyond 2^53, they may say too much.
 */
export interface JobOf<J extends JobContracts, N extends JobName<J>> extends Job {
  readonly type: N;
  readonly payload: Jsonified<InputOf<J[N]>>;
  /** Null until the job is DONE, and where its handler returned nothing. */
  readonly result: Jsonified<ResultOf<J[N]>> | null;
}

/**
 * Stands in the text of each statement that only reads. Hyperdrive answers such
 * statements from a cache of 60 s unless the text names a volatile function,
 * and looks for that in comments too.
 */
export const NEVER_CACHED = "-- now(): not to be answered from a cache";

/** A row's columns in order: text, or null. */
export type Cells = readonly (string | null)[];

/** A row's columns in order, each text or null: the only place that looks into a driver's rows. */
export function cells(row: SqlRow): Cells {
  const values = Object.values(row);
  // Mostly it is all text, and no second list is made for that.
  return values.every(isText) ? values : values.map(cell);
}

function isText(value: unknown): value is string | null {
  return typeof value === "string" || value === null;
}

function cell(value: unknown): string | null {
  if (isText(value)) return value;
  if (value === undefined) return null;
  // A driver set to parse even text hands over something else; as text again it is what it was.
  return typeof value === "bigint" ? value.toString() : JSON.stringify(value);
}

/** The latest moment of JavaScript's, in epoch milliseconds: the year 275760. */
const LATEST_MS = 8.64e15;

/** Epoch microseconds as a Date; what is beyond JavaScript's, such as an `infinity`, becomes its latest or earliest one. */
export function dateOf(microseconds: string | null | undefined): Date {
  const exact = Number(microseconds ?? Number.NaN);
  // The server divides as a float8, which beyond the year 2255 may fall short of a whole millisecond by a last digit.
  const ms = Number.isFinite(exact) ? Math.floor((exact + Math.abs(exact) * Number.EPSILON) / 1000) : exact;
  return new Date(Math.max(-LATEST_MS, Math.min(LATEST_MS, ms)));
}

/** As {@link dateOf}, where the column may be null. */
export function dateOrNull(microseconds: string | null | undefined): Date | null {
  return microseconds === null || microseconds === undefined ? null : dateOf(microseconds);
}

/** A number, where the column may be null. */
export function numberOrNull(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}

/** Whether `text` is one of the five states. */
export function isJobStatus(text: unknown): text is JobStatus {
  return (JOB_STATUSES as readonly unknown[]).includes(text);
}
