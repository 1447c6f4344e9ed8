import { contextPromises } from "./context-promises.ts";
import { drainPromises } from "./drain-promises.ts";
import { schedulePromises } from "./schedule-promises.ts";
import { stepPromises } from "./step-promises.ts";
import { promisesOf } from "./subject.ts";
import type { Suite } from "./subject.ts";
import { workerPromises } from "./worker-promises.ts";

/** What both runners promise over an executor that keeps what `executorSuite` asks. */
export function runnerSuite<Tx>(suite: Suite<Tx>): void {
  const promise = promisesOf(suite);
  drainPromises(promise);
  workerPromises(promise);
  contextPromises(promise);
  schedulePromises(promise);
  stepPromises(promise);
}
