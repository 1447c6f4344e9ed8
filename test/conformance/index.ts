/**
 * `pqrun/conformance`: the suites that every executor is held to. They need no
 * test runner of their own, and run wherever pqrun does.
 *
 * ```ts
 * import { test } from "node:test";
 * executorSuite({ test, open });
 * queueSuite({ test, open });
 * ```
 */
export { executorSuite } from "./executor-suite.ts";
export { queueSuite } from "./queue-suite.ts";
export { runnerSuite } from "./runner-suite.ts";
export { CAPABILITIES } from "./subject.ts";
export type { Capability, RegisterTest, Subject, Suite } from "./subject.ts";
