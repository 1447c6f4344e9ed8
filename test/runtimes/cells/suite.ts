import { identity, type Identity } from "./identity.ts";
import type { Driver, Place } from "./place.ts";

/** The tests of one cell, and what was left out with its reason. */
export interface Listing extends Identity {
  readonly tests: readonly string[];
  readonly leftOut: readonly string[];
}

/** One test's end; without an error it passed. */
export interface Verdict {
  readonly index: number;
  readonly error?: string;
}

interface Test {
  readonly name: string;
  readonly work: () => Promise<void>;
}

/** A test that hangs is a failure, and keeps no other from its turn. */
const TEST_LIMIT_MS = 30_000;

/** One driver's conformance suite in this runtime, without a test runner, which not every runtime has. */
export class CellSuite {
  readonly #tests: Test[] = [];
  readonly #leftOut: string[] = [];

  constructor(driver: Driver, place: Place) {
    driver(
      place,
      (name, work) => this.#tests.push({ name, work }),
      (line) => this.#leftOut.push(line),
    );
  }

  listing(): Listing {
    return { ...identity(), tests: this.#tests.map(({ name }) => name), leftOut: this.#leftOut };
  }

  async run(index: number): Promise<Verdict> {
    const test = this.#tests[index];
    if (test === undefined) return { index, error: `there is no test ${index}` };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`not over after ${TEST_LIMIT_MS} ms`));
      }, TEST_LIMIT_MS);
    });
    try {
      await Promise.race([test.work(), limit]);
      return { index };
    } catch (error) {
      return { index, error: textOf(error) };
    } finally {
      clearTimeout(timer);
    }
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by ${textOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
