import type { Statement } from "./statements.ts";

/** In which order tests are tried: first what has just missed something of the same part, then of the same statement. */
export class KillerOrder {
  readonly #all: readonly string[];
  readonly #recent = new Map<string, readonly string[]>();

  constructor(all: readonly string[]) {
    this.#all = all;
  }

  of({ name, tests }: Statement, part: string): readonly string[] {
    const first = [...(this.#recent.get(part) ?? []), ...(this.#recent.get(name) ?? []), ...tests];
    const known = first.filter((file) => this.#all.includes(file));
    return [...new Set([...known, ...this.#all])];
  }

  killed({ name }: Statement, part: string, file: string): void {
    for (const key of new Set([part, name])) {
      this.#recent.set(key, [...new Set([file, ...(this.#recent.get(key) ?? [])])]);
    }
  }
}
