/** How an attempt ended that was not DONE. */
export const ATTEMPT_ENDS = ["failed", "timeout", "deadline", "lost", "released"] as const;

/**
 * One of {@link ATTEMPT_ENDS}: the handler threw, or its payload was refused; it ran into its timeout, or the end of a drain's
 * budget; its lease ended, or was not extended in time; or a shutdown gave it back for more than the tenth time.
 */
export type AttemptEnd = (typeof ATTEMPT_ENDS)[number];

/** An attempt that was not DONE. */
export interface AttemptError {
  /** Which attempt, from 1; a retry by hand begins anew. */
  readonly attempt: number;
  /** When it was settled, by the database's clock. */
  readonly at: Date;
  /** The worker's readable id. */
  readonly worker: string | null;
  /** How long the handler ran; null where nobody knows. */
  readonly durationMs: number | null;
  readonly kind: AttemptEnd | (string & Record<never, never>);
  /** Its first 1,000 characters. */
  readonly error: string;
}

/** Of a job whose attempts have not failed, as most. */
export const NO_ERRORS: readonly AttemptError[] = Object.freeze([]);

/** Reads the column `errors`, the oldest first: entries as the turn has written them. Whatever else SQL has put there is left out. */
export function readAttemptErrors(text: string | null | undefined): readonly AttemptError[] {
  const entries: unknown = JSON.parse(text ?? "0");
  return Array.isArray(entries)
    ? entries.filter(isEntry).map((entry) => ({ ...entry, at: new Date(entry.at) }))
    : NO_ERRORS;
}

function isEntry(value: { readonly attempt?: unknown } | null): value is AttemptError {
  return typeof value?.attempt === "number";
}
