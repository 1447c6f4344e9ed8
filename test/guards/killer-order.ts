import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

import type { Statement } from "./statements.ts";
import type { TestPlace } from "./test-run.ts";

/**
 * In which order tests are tried: first the one that missed the same thing in an
 * earlier run, then files that have just missed something of the same part, then
 * of the same statement. Any order shows the same; this one is quick.
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

  /** What missed that mutant in an earlier run. */
  last(mutant: string): TestPlace | undefined {
    const place = this.#remembered()[mutant];
    return place !== undefined && this.#all.includes(place.file) ? place : undefined;
  }

  of({ name, tests }: Statement, part: string): readonly string[] {
    const first = [...(this.#recent.get(part) ?? []), ...(this.#recent.get(name) ?? []), ...tests];
    const known = first.filter((file) => this.#all.includes(file));
    return [...new Set([...known, ...this.#all])];
  }

  killed({ name }: Statement, part: string, mutant: string, { file, id }: TestPlace): void {
    for (const key of new Set([part, name])) {
      this.#recent.set(key, [...new Set([file, ...(this.#recent.get(key) ?? [])])]);
    }
    mkdirSync(new URL(".", this.#memory), { recursive: true });
    const whole = new URL(`${this.#memory.href}.${process.pid}`);
    writeFileSync(whole, JSON.stringify({ ...this.#remembered(), [mutant]: { file, id } }, null, 2));
    renameSync(whole, this.#memory);
  }

  /** Read each time: two runs may go on side by side. */
  #remembered(): Readonly<Record<string, TestPlace>> {
    if (!existsSync(this.#memory)) return {};
    return JSON.parse(readFileSync(this.#memory, "utf8")) as Readonly<Record<string, TestPlace>>;
  }
}
