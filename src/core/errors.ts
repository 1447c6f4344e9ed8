/**
 * pqrun's errors. Each class stands for something that a caller would do
 * differently. They are recognised by a brand, never by `instanceof`: an
 * application may bundle pqrun twice.
 */
const BRAND = Symbol.for("pqrun.error");

/** Every kind of error that pqrun throws or understands. */
export const ERROR_KINDS = [
  "invalid-input",
  "unknown-outcome",
  "lease-lost",
  "dedupe-conflict",
  "table",
  "retry-after",
  "non-retriable",
  "snooze",
] as const;

/** One of {@link ERROR_KINDS}. */
export type ErrorKind = (typeof ERROR_KINDS)[number];

/** The errors by their kind. */
export interface ErrorByKind {
  readonly "invalid-input": InvalidInputError;
  readonly "unknown-outcome": UnknownOutcomeError;
  readonly "lease-lost": LeaseLostError;
  readonly "dedupe-conflict": DedupeConflictError;
  readonly table: TableError;
  readonly "retry-after": RetryAfterError;
  readonly "non-retriable": NonRetriableError;
  readonly snooze: SnoozeError;
}

/** Whether `error` is pqrun's error of that kind, whichever copy of pqrun made it. */
export function isPqrunError<K extends ErrorKind>(error: unknown, kind: K): error is ErrorByKind[K] {
  if (typeof error !== "object" || error === null) return false;
  try {
    return BRAND in error && error[BRAND] === kind;
  } catch {
    // A Proxy whose traps throw, or one that was revoked: handlers throw anything.
    return false;
  }
}

abstract class PqrunError extends Error {
  readonly [BRAND]: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this[BRAND] = kind;
    // Not enumerable, and not taken from the constructor: minifiers rename classes.
    Object.defineProperty(this, "name", { value: nameOf(kind), configurable: true });
  }
}

/** `retry-after` is the kind of a RetryAfterError. */
function nameOf(kind: ErrorKind): string {
  return `${kind.replace(/(?:^|-)./g, (start) => start.slice(-1).toUpperCase())}Error`;
}

/** An option or an input is wrong. Nothing was sent. */
export class InvalidInputError extends PqrunError {
  /** Which option or input, as the caller wrote it: `priority`, `payload.items[3]`. */
  readonly field: string;
  /** What would have been right. */
  readonly expected: string;
  /** What came, described: a type and a size or class, or a number; never a text, which may be a secret. */
  readonly received: string;

  /** @param message where somebody else, such as a schema, has said it better */
  constructor(field: string, expected: string, received: unknown, options?: ErrorOptions, message?: string) {
    const came = describe(received);
    super("invalid-input", message ?? `${field}: expected ${expected}; received ${came}`, options);
    this.field = field;
    this.expected = expected;
    this.received = came;
  }
}

/**
 * The statement may or may not have taken effect: the connection was lost, or
 * a signal fired, before the answer came. The message ends with the first line
 * of the cause's, without credentials. pqrun never repeats an enqueue by
 * itself then. With a dedupe key it is safe to call again while the first job
 * is active.
 */
export class UnknownOutcomeError extends PqrunError {
  /** What was being done, for instance `enqueue`. */
  readonly operation: string;

  constructor(operation: string, cause: unknown) {
    super("unknown-outcome", `${operation}: the outcome is unknown, no answer came${firstLine(cause)}`, {
      cause,
    });
    this.operation = operation;
  }
}

/** Of a cause that may be anything, and is shown where nothing else redacts it. */
function firstLine(cause: unknown): string {
  try {
    const [line = ""] = (cause as Error).message.split("\n", 1);
    // From where a connection string may begin, or a password: rather too little than half a secret.
    const safe = line.replace(/\S*(?::\/\/|%3A%2F%2F|pass|pwd).*/i, "***").slice(0, 200);
    return safe === "" ? "" : `: ${safe}`;
  } catch {
    return "";
  }
}

/** This attempt no longer holds the job; what it tried to write was not written. */
export class LeaseLostError extends PqrunError {
  readonly jobId: string;

  constructor(jobId: string, options?: ErrorOptions) {
    super("lease-lost", `the lease of job ${jobId} is lost: nothing was written`, options);
    this.jobId = jobId;
  }
}

/** What is known of the job that has the key. */
export interface DedupeConflictOptions extends ErrorOptions {
  readonly jobId?: string | undefined;
  readonly jobType?: string | undefined;
  readonly index?: number | undefined;
}

/** Another job with the same dedupe key is active: under another type, where an enqueue throws it. */
export class DedupeConflictError extends PqrunError {
  readonly dedupeKey: string;
  /** The other job's id, where it is known. */
  declare readonly jobId: string | undefined;
  /** The other job's type, where it is known. */
  declare readonly jobType: string | undefined;
  /** Which job of the call it was, from 0, where an enqueue threw it. */
  declare readonly index: number | undefined;

  constructor(dedupeKey: string, message: string, options: DedupeConflictOptions = {}) {
    super("dedupe-conflict", message, options);
    this.dedupeKey = dedupeKey;
    const { jobId, jobType, index } = options;
    Object.assign(this, { jobId, jobType, index });
  }
}

/** The table is absent, older than this version of pqrun, or not pqrun's. `pqrun migrate` mends the first two. */
export class TableError extends PqrunError {
  constructor(message: string, options?: ErrorOptions) {
    super("table", message, options);
  }
}

/** Thrown by a handler: this attempt failed; run the job again then, not when the backoff policy says. */
export class RetryAfterError extends PqrunError {
  /** Milliseconds from now by the database's clock, or a moment. */
  readonly when: number | Date;

  constructor(when: number | Date, message = "the handler asked for a later retry", options?: ErrorOptions) {
    super("retry-after", message, options);
    this.when = checkWhen(when);
  }
}

/** Thrown by a handler: the job is FAILED now, whatever attempts it has left. */
export class NonRetriableError extends PqrunError {
  constructor(message: string, options?: ErrorOptions) {
    super("non-retriable", message, options);
  }
}

/** Thrown by a handler: not now; run the job again then, and count no attempt. */
export class SnoozeError extends PqrunError {
  /** Milliseconds from now by the database's clock, or a moment. */
  readonly when: number | Date;

  constructor(when: number | Date, message = "the handler snoozed the job") {
    super("snooze", message);
    this.when = checkWhen(when);
  }
}

function checkWhen(when: number | Date): number | Date {
  const time = typeof when === "number" ? when : when instanceof Date ? when.getTime() : Number.NaN;
  if (!Number.isFinite(time)) throw new InvalidInputError("when", "milliseconds or a valid Date", when);
  return when;
}

/** What came, in words that are safe to print. */
function describe(value: unknown): string {
  switch (typeof value) {
    case "string":
      // Never the text itself: what was passed in the wrong place may be a password.
      return `a string of ${value.length} characters`;
    case "number":
      // A card's number, or a phone's.
      return Math.abs(value) >= 1e10 && Number.isFinite(value) ? "a large number" : String(value);
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
    case "function":
    case "symbol":
      return `a ${typeof value}`;
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return `an array of ${value.length}`;
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid Date" : "a Date";
      return nameOfClass(value);
  }
}

function nameOfClass(value: object): string {
  const { constructor } = (Object.getPrototypeOf(value) ?? {}) as {
    readonly constructor?: { readonly name?: string };
  };
  return constructor === undefined || constructor === Object
    ? "an object"
    : `an object (${constructor.name})`;
}
