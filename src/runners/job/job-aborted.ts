import type { AbortReason } from "./handler.ts";

/**
 * What `ctx.signal.reason` is, and so what `fetch` and `signal.throwIfAborted()` throw: an Error that can be read in a
 * log. Known by its `reason`, not by `instanceof`, since an application may bundle pqrun twice.
 */
export class JobAbortedError extends Error {
  /** Why. */
  readonly reason: AbortReason;

  constructor(reason: AbortReason) {
    super(`the handler was told to end: ${reason}`);
    this.reason = reason;
    // Not enumerable, and not taken from the constructor: minifiers rename classes.
    Object.defineProperty(this, "name", { value: "JobAbortedError", configurable: true });
  }
}
