import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { createVitest, type TestModule, type TestSpecification, type Vitest } from "vitest/node";

import { mutated, type Mutation } from "./mutants.ts";

/** What the first test said that failed. */
export interface Failure {
  readonly file: string;
  readonly test: string;
  /** The test's id, by which it can be run alone; undefined where no test failed, but the file. */
  readonly id: string | undefined;
  readonly message: string;
}

/** A test of a file. */
export type TestPlace = Pick<Failure, "file" | "id">;

/** The tests, held ready to run again and again with another mutation each time. */
export interface TestRuns {
  /** The names of the test files below these, from the repository's root. */
  files(below: readonly string[]): Promise<readonly string[]>;
  /** Runs files in that order until a test fails. */
  run(files: readonly string[], mutation: Mutation | null): Promise<Failure | undefined>;
  /** Runs one test alone: how it failed, or whether it is there and passed. */
  runOne(place: TestPlace, mutation: Mutation | null): Promise<Failure | boolean>;
  close(): Promise<void>;
}

/** What a mutant makes endless is ended: a statement, and a test that waits for one. */
const STATEMENT_TIMEOUT_MS = 5_000;
const TEST_TIMEOUT_MS = 15_000;
const MOST_TRIES = 5;

/** The files on disk stay as they are: a mutation is made where Vitest loads them. */
export async function openTestRuns(root: URL, databaseUrl: string, maxWorkers: number): Promise<TestRuns> {
  let mutation: Mutation | null = null;
  let order: readonly string[] = [];
  const names = (path: string): string => path.slice(fileURLToPath(root).length);
  const inOrder = (specs: TestSpecification[]): TestSpecification[] =>
    specs.toSorted((a, b) => order.indexOf(names(a.moduleId)) - order.indexOf(names(b.moduleId)));
  process.env["DATABASE_URL"] = databaseUrl;
  const vitest = await createVitest(
    {
      root: fileURLToPath(root),
      watch: false,
      // It would answer with what a file was without the mutation.
      fsModuleCache: false,
      bail: 1,
      reporters: [{}],
      maxWorkers,
      testTimeout: TEST_TIMEOUT_MS,
      env: { PGOPTIONS: `-c statement_timeout=${STATEMENT_TIMEOUT_MS}` },
      setupFiles: [fileURLToPath(new URL("read-mutated.ts", import.meta.url))],
      sequence: {
        sequencer: class {
          sort = (specs: TestSpecification[]): Promise<TestSpecification[]> =>
            Promise.resolve(inOrder(specs));
          shard = (specs: TestSpecification[]): Promise<TestSpecification[]> => Promise.resolve(specs);
        },
      },
    },
    {
      plugins: [
        {
          name: "mutant",
          enforce: "pre",
          load: (id) =>
            mutation !== null && id === fileURLToPath(new URL(mutation.file, root))
              ? mutated(readFileSync(id, "utf8"), mutation)
              : null,
        },
      ],
    },
  );
  // Not the last one's alone: a worker that was cut short may have asked for a file just after it was taken back.
  const touched = new Set<string>();
  /** How many tests of each file pass without a mutation, by the first run of it. */
  const passes = new Map<string, number>();
  const isWhole = (modules: readonly TestModule[], files: readonly string[]): boolean =>
    files.every((file) => {
      const module = modules.find(({ moduleId }) => names(moduleId) === file);
      const passed = module === undefined ? 0 : [...module.children.allTests("passed")].length;
      if (mutation === null && !passes.has(file)) passes.set(file, passed);
      return passed === passes.get(file);
    });
  const mutate = (next: Mutation | null): void => {
    mutation = next;
    if (next !== null) touched.add(fileURLToPath(new URL(next.file, root)));
    for (const path of touched) vitest.invalidateFile(path);
    vitest.provide("mutation", next);
  };
  return {
    files: async (below) =>
      (await vitest.globTestSpecifications([...below])).map(({ moduleId }) => names(moduleId)),
    run: async (files, next) => {
      mutate(next);
      order = files;
      const specs = await specifications(vitest, files, names);
      // Now and then the end of a run that was cut short cuts the next one short too.
      for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
        const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specs);
        const failure = failureOf(testModules, unhandledErrors, names);
        if (failure !== undefined || isWhole(testModules, files)) return failure;
      }
      throw new Error(`not all tests ran, ${MOST_TRIES} times: ${files.join(", ")}`);
    },
    runOne: async ({ file, id }, next) => {
      if (id === undefined) return false;
      mutate(next);
      const path = fileURLToPath(new URL(file, root));
      const spec = vitest.getRootProject().createSpecification(path, { testIds: [id] });
      for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
        const { testModules, unhandledErrors } = await vitest.runTestSpecifications([spec]);
        const failure = failureOf(testModules, unhandledErrors, names);
        if (failure !== undefined) return failure;
        if (testModules.some(({ children }) => !children.allTests("passed").next().done)) return true;
      }
      return false;
    },
    close: () => vitest.close(),
  };
}

async function specifications(
  vitest: Vitest,
  files: readonly string[],
  names: (path: string) => string,
): Promise<TestSpecification[]> {
  const all = await vitest.globTestSpecifications();
  return all.filter(({ moduleId }) => files.includes(names(moduleId)));
}

function failureOf(
  modules: readonly TestModule[],
  unhandled: readonly unknown[],
  names: (path: string) => string,
): Failure | undefined {
  for (const module of modules) {
    const file = names(module.moduleId);
    for (const test of module.children.allTests("failed")) {
      const [error] = test.result().errors ?? [];
      return { file, test: test.fullName, id: test.id, message: error?.message ?? "" };
    }
    const [error] = module.errors();
    if (error !== undefined)
      return { file, test: "(the file itself)", id: undefined, message: error.message };
    for (const suite of module.children.allSuites()) {
      const [inSuite] = suite.errors();
      if (inSuite !== undefined)
        return { file, test: suite.fullName, id: undefined, message: inSuite.message };
    }
  }
  const [error] = unhandled;
  if (error === undefined) return undefined;
  return {
    file: "",
    test: "(an error outside of tests)",
    id: undefined,
    message: error instanceof Error ? error.message : JSON.stringify(error),
  };
}
