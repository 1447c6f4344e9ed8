import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

import type { Statement } from "./statements.ts";

/**
 * In which order tests are tried: first what missed the same thing in an earlier
 * run, then what has just missed something of the same part, then of the same
 * statement. Any order shows the same; this one is quick.
 */
export class KillerOrder {
  readonly #all: readonly string[];
  readonly #memory: URL;
  readonly #recent = new Map<string, readonly string[]>();

  /** @param memory a file that is kept from run to run, and that need not be there. */
  constructor(all: readonly string[], memory: URL) {
    this.#all = all;
    this.#memory = memory;
  }

  of({ name, tests }: Statement, part: string, mutant: string): readonly string[] {
    const recent = [...(this.#recent.get(part) ?? []), ...(this.#recent.get(name) ?? [])];
    const first = [this.#remembered()[mutant] ?? "", ...recent, ...tests];
    const known = first.filter((file) => this.#all.includes(file));
    return [...new Set([...known, ...this.#all])];
  }

  killed({ name }: Statement, part: string, mutant: string, file: string): void {
    for (const key of new Set([part, name])) {
      this.#recent.set(key, [...new Set([file, ...(this.#recent.get(key) ?? [])])]);
    }
    mkdirSync(new URL(".", this.#memory), { recursive: true });
    writeFileSync(this.#memory, JSON.stringify({ ...this.#remembered(), [mutant]: file }, null, 2));
  }

  /** Read each time: two runs may go on side by side. */
  #remembered(): Readonly<Record<string, string>> {
    if (!existsSync(this.#memory)) return {};
    return JSON.parse(readFileSync(this.#memory, "utf8")) as Readonly<Record<string, string>>;
  }
}
