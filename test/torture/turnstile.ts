/** How many of a process's handlers may hold a connection of its pool for long: the pool is its runners' too. */

/** Of the connections of a pool, so many may be held: of the least one, where others LISTEN and settle on the rest. */
export function openTransactions(pool: number): number {
  return Math.floor(pool / 3);
}

/** Lets a few in at once, and the others in their order. */
export class Turnstile {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(free: number) {
    this.#free = free;
  }

  async through<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
