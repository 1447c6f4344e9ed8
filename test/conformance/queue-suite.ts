import { enqueuePromises } from "./enqueue-promises.ts";
import { keyPromises } from "./key-promises.ts";
import { limitPromises } from "./limit-promises.ts";
import { pickUpPromises } from "./pick-up-promises.ts";
import { queueTransactionPromises } from "./queue-transaction-promises.ts";
import { rowPromises } from "./row-promises.ts";
import { sessionPromises } from "./session-promises.ts";
import { settlePromises } from "./settle-promises.ts";
import { promisesOf } from "./subject.ts";
import type { Suite } from "./subject.ts";
import { zombiePromises } from "./zombie-promises.ts";

/** What the queue promises over an executor that keeps what `executorSuite` asks. */
export function queueSuite<Tx>(suite: Suite<Tx>): void {
  const promise = promisesOf(suite);
  enqueuePromises(promise);
  keyPromises(promise);
  pickUpPromises(promise);
  limitPromises(promise);
  settlePromises(promise);
  zombiePromises(promise);
  rowPromises(promise);
  sessionPromises(promise);
  queueTransactionPromises(promise);
}
