/** How much work a buffer should hold, in milliseconds: a few round trips' worth. */
const WORTH_MS = 100;
/** How fast the measure follows jobs that take longer, and jobs that take less. */
const RISE = 0.3;
const FALL = 0.05;

/**
 * How many jobs to hold beyond the free slots, from how long jobs have taken:
 * a worker of no-op jobs takes a thousand at a time, one of jobs of a tenth of
 * a second and more hoards nothing. It rises slowly and falls at once.
 */
export class BufferSize {
  readonly #slots: number;
  readonly #max: number;
  #typicalMs: number | undefined;
  #last = 0;

  constructor(slots: number, max: number) {
    this.#slots = slots;
    this.#max = max;
  }

  /** Learns how long one job took. */
  observe(ms: number): void {
    const typical = this.#typicalMs ?? ms;
    this.#typicalMs = typical + (ms > typical ? RISE : FALL) * (ms - typical);
  }

  /**
   * @param longestRunningMs how long the longest of the running jobs has been
   *   at work: one that has not ended yet has taught nothing else so far
   */
  target(longestRunningMs: number): number {
    if (this.#typicalMs === undefined) return 0;
    const ms = Math.max(this.#typicalMs, longestRunningMs, 0.05);
    const wanted = Math.floor(Math.max(0, this.#slots * (WORTH_MS / ms - 1)));
    return Math.min(wanted, this.#max, 2 * (this.#last + this.#slots));
  }

  /** A pick-up leaves for a buffer of `size`: the next may be twice as large. */
  used(size: number): void {
    this.#last = size;
  }
}
