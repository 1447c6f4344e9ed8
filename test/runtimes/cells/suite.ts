import { executorSuite, queueSuite, runnerSuite, type Suite } from "pqrun/conformance";

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

/** Collects all that an executor is held to. */
export function cellSuite<Tx>(driver: Driver<Tx>, place: Place): CellSuite {
  const [tests, leftOut]: [Test[], string[]] = [[], []];
  const suite: Suite<Tx> = {
    ...driver(place),
    test: (name, work) => tests.push({ name, work }),
    print: (line) => leftOut.push(line),
  };
  executorSuite(suite);
  queueSuite(suite);
  runnerSuite(suite);
  return new CellSuite(tests, leftOut);
}

/** One driver's conformance suite in this runtime, without a test runner, which not every runtime has. */
export class CellSuite {
  readonly #tests: readonly Test[];
  readonly #leftOut: readonly string[];

  constructor(tests: readonly Test[], leftOut: readonly string[]) {
    this.#tests = tests;
    this.#leftOut = leftOut;
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
