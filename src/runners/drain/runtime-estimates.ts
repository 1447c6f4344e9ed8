/** Which types of jobs a drain still starts: late in its budget not those that have so far taken longer than what is left. */
export class RuntimeEstimates {
  /** The longest run of each type so far, in milliseconds. */
  readonly #longest = new Map<string, number>();

  /** Learns how long one job took. */
  observe(type: string, ranMs: number): void {
    this.#longest.set(type, Math.max(ranMs, this.#longest.get(type) ?? 0));
  }

  /** A fresh drain has learnt nothing and always tries, so that nothing starves. */
  fits(type: string, leftMs: number): boolean {
    return (this.#longest.get(type) ?? 0) <= leftMs;
  }
}
