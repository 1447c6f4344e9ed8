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
    Object.defineProperty(this, "name", { value: NAMES[kind], configurable: true });
  }
}

const NAMES = {
  "invalid-input": "InvalidInputError",
  "unknown-outcome": "UnknownOutcomeError",
  "lease-lost": "LeaseLostError",
  "dedupe-conflict": "DedupeConflictError",
  table: "TableError",
  "retry-after": "RetryAfterError",
  "non-retriable": "NonRetriableError",
  snooze: "SnoozeError",
} as const satisfies Record<ErrorKind, string>;

/** An option or an input is wrong. Nothing was sent. */
export class InvalidInputError extends PqrunError {
  /** Which option or input, as the caller wrote it: `priority`, `payload.items[3]`. */
  readonly field: string;
  /** What would have been right. */
  readonly expected: string;
  /** What came, described: a type and a size or a short value, never a whole payload. */
  readonly received: string;

  constructor(field: string, expected: string, received: unknown, options?: ErrorOptions) {
    const came = describe(received);
    super("invalid-input", `${field}: expected ${expected}; received ${came}`, options);
    this.field = field;
    this.expected = expected;
    this.received = came;
  }
}

/**
 * The statement may or may not have taken effect: the connection was lost, or
 * a signal fired, before the answer came. pqrun never repeats an enqueue by
 * itself then. With a dedupe key it is safe to call again while the first job
 * is active.
 */
export class UnknownOutcomeError extends PqrunError {
  /** What was being done, for instance `enqueue`. */
  readonly operation: string;

  constructor(operation: string, cause: unknown) {
    super("unknown-outcome", `${operation}: the outcome is unknown, no answer came`, { cause });
    this.operation = operation;
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

/** Another job with the same dedupe key is active. */
export class DedupeConflictError extends PqrunError {
  readonly dedupeKey: string;

  constructor(dedupeKey: string, message: string, options?: ErrorOptions) {
    super("dedupe-conflict", message, options);
    this.dedupeKey = dedupeKey;
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
      return value.length <= 40 ? JSON.stringify(value) : `a string of ${value.length} characters`;
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
      return value > -(10n ** 40n) && value < 10n ** 40n
        ? `${String(value)}n`
        : "a bigint of more than 40 digits";
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return `an array of ${value.length}`;
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid Date" : "a Date";
      return "an object";
  }
}
