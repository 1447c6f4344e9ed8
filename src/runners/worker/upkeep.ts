/**
 * Work that goes on beside a worker's turns, with statements of its own that they do not wait for, until the worker
 * stops. The loop asks when, and calls; what fails is the work's own to report.
 */
export interface Upkeep {
  /** When {@link Upkeep.tick} has something to do, on the worker's clock; Infinity while it is under way. */
  readonly nextAt: number;
  /** Begins what is due by now; returns at once. */
  tick(now: number): void;
  /** Ends what is under way and is not to be waited for. */
  stop?(): void;
}
