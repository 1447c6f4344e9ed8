import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain-once.ts";
import type { OnJobEvent } from "../../src/runners/job-event.ts";
import { Worker } from "../../src/runners/worker.ts";
import { handlersOf } from "./handlers.ts";
import type { LedgerWriter } from "./ledger.ts";
import { executorOf } from "./store.ts";
import { LEASE_MS, type Task } from "./task.ts";

const BACKOFF = { delayMs: (attempt: number) => attempt * 200 };
const BUDGET_MS = 5_000;
const IDLE_MS = 200;

function common(task: Task, ledger: LedgerWriter) {
  const executor = executorOf(task);
  const onEvent: OnJobEvent = ({ event, id, attempts }) => {
    if (event !== "started")
      ledger.write({ k: "event", e: event, id, a: attempts, p: task.name, t: Date.now() });
  };
  return {
    store: new PgJobStore(executor),
    handlers: handlersOf(ledger, task.name, executor),
    workerId: task.name,
    backoff: BACKOFF,
    staleTimeoutSeconds: 30,
    onEvent,
  };
}

/** A worker with a short lease, until its process ends. */
export function runWorker(task: Task, ledger: LedgerWriter): void {
  new Worker({
    ...common(task, ledger),
    concurrency: 10,
    leaseMs: LEASE_MS,
    maxBuffer: 100,
    reapIntervalSeconds: 2,
    safetyPollSeconds: 2,
    idlePoll: { delayMs: () => IDLE_MS },
    loopError: { delayMs: (failures) => Math.min(50 * failures, 500) },
    env: {},
  }).start();
}

/** Drain after drain, until its process ends. */
export async function runDrains(task: Task, ledger: LedgerWriter): Promise<void> {
  const options = common(task, ledger);
  for (;;) {
    await drainOnce({ ...options, budgetMs: BUDGET_MS });
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  }
}
