/** The last ids added, at most `size`: the same small cost for every job of every system. */
export class RecentIds {
  readonly #ids: string[] = [];
  readonly #size: number;
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  add(id: string): void {
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % this.#size;
  }

  all(): readonly string[] {
    return this.#ids;
  }
}
