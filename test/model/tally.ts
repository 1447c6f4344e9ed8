/** Counts by what was counted. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(what: string): void {
    this.#counts.set(what, this.of(what) + 1);
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The most frequent first. */
  toString(): string {
    const sorted = [...this.#counts].sort((a, b) => b[1] - a[1]);
    return sorted.map(([what, count]) => `${what} ${count}`).join(", ");
  }
}

/** What runs have met: one that meets no lost lease proves nothing of it. */
export interface Met {
  readonly commands: Tally;
  readonly answers: Tally;
}

/** Nothing yet. */
export function nothingMet(): Met {
  return { commands: new Tally(), answers: new Tally() };
}
