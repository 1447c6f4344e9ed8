import { setTimeout as pause } from "node:timers/promises";

import { JobProducer } from "../../src/core/producer.ts";
import { PgJobStore } from "../../src/core/store.ts";
import type { Logger } from "../../src/core/logger.ts";
import { causesText } from "../../src/core/values/error-text.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { OnJobEvent } from "../../src/runners/job/job-event.ts";
import type { OnRunnerError } from "../../src/runners/runner-error.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { handlersOf, telling, type Work } from "./handlers.ts";
import { jobOf } from "./jobs.ts";
import type { LedgerWriter } from "./ledger.ts";
import { enqueue } from "./producer.ts";
import { OWNER, declaredSchedules } from "./schedules.ts";
import { stillDue, snapshotNow } from "./still-due.ts";
import type { Database } from "./store.ts";
import { callOf, randomOf, type Task } from "./task.ts";
import { Turnstile, openTransactions } from "./turnstile.ts";

const BACKOFF = { delayMs: (attempt: number) => attempt * 200 };
const BUDGET_MS = 5_000;
const IDLE_MS = 200;
/** Drains of one slot start together, as those of one cron expression do. */
const TOGETHER_MS = 2_000;
/** Of an error's text the ledger takes no more. */
const MOST_TEXT = 120;
/** What a session answers that no longer knows a named statement, or a table that has changed since. */
const MISNAMED = /prepared statement .* does not exist|cached plan must not change/;

function common(task: Task, { executor }: Database, ledger: LedgerWriter) {
  const onEvent: OnJobEvent = ({ event, id, attempts }) => {
    if (event !== "started")
      ledger.write({ k: "event", e: event, id, a: attempts, p: task.name, t: Date.now() });
  };
  // Not by what is logged: that says the same ever more rarely.
  const onError: OnRunnerError = ({ operation, error }) => {
    const text = causesText(error);
    const told = { p: task.name, t: Date.now() };
    ledger.write({ k: "seen", ...told, what: `${operation}: ${text.slice(0, MOST_TEXT)}` });
    if (MISNAMED.test(text)) ledger.write({ k: "misnamed", ...told });
  };
  const silent = (): void => undefined;
  const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent };
  return {
    ...{ concurrency: task.concurrency, workerId: task.name, backoff: BACKOFF, defaultTimeoutSeconds: 30 },
    ...{ onEvent, onError, logger },
    ...(task.without.includes("schedules") ? {} : { schedules: declaredSchedules(), owner: OWNER }),
    store: new PgJobStore(executor),
  };
}

/** What the nth runner of a process handles: all kinds but `pair`, and what it is called by. */
function handledBy(task: Task, { executor }: Database, ledger: LedgerWriter) {
  // One for all of them, as the pool is.
  const transactions = new Turnstile(openTransactions(task.pool));
  const called = telling(ledger, task.name)(() => undefined);
  return (nth: number): Record<string, Work> => ({
    ...handlersOf(task, executor, ledger, transactions),
    [callOf(task.label, nth)]: called,
  });
}

/** Workers with a short lease, until their process ends; if they are many, beside an application that enqueues. */
export function runWorkers(task: Task, database: Database, ledger: LedgerWriter, quiet: AbortSignal): void {
  const options = common(task, database, ledger);
  const handlers = handledBy(task, database, ledger);
  for (let nth = 0; nth < task.workers; nth += 1)
    new Worker({
      ...options,
      handlers: handlers(nth),
      leaseMs: task.leaseMs,
      maxBuffer: 100,
      reapIntervalSeconds: 2,
      safetyPollSeconds: 2,
      idlePoll: { delayMs: () => IDLE_MS },
      loopError: { delayMs: (failures) => Math.min(50 * failures, 500) },
      env: {},
    }).start();
  void enqueuesBeside(task, database, ledger, quiet);
}

/** An application that shares its workers' pool. */
async function enqueuesBeside(
  task: Task,
  { executor }: Database,
  ledger: LedgerWriter,
  quiet: AbortSignal,
): Promise<void> {
  const producer = new JobProducer(executor);
  const random = randomOf(task.seed);
  if (task.rate === 0) return;
  for (let made = 1; !quiet.aborted; made += 1) {
    await pause(1_000 / task.rate);
    const job = jobOf(`${task.name}-${made}`, made, random, task.without);
    await enqueue(producer, [job], ledger, task.name);
  }
}

/** Drain after drain, until their process ends. Each one's report is checked. */
export async function runDrains(task: Task, database: Database, ledger: LedgerWriter): Promise<void> {
  const together = task.concurrency === 1;
  const pair = telling(ledger, task.name)(() => undefined);
  const handlers = {
    ...handledBy(task, database, ledger)(0),
    ...(together ? { pair } : {}),
  };
  const options = { ...common(task, database, ledger), handlers, budgetMs: BUDGET_MS };
  for (;;) {
    await pause(together ? TOGETHER_MS - (Date.now() % TOGETHER_MS) : IDLE_MS);
    try {
      const before = await snapshotNow(database.executor);
      const { stoppedBy, more } = await drainOnce(options);
      if (stoppedBy !== "empty" || more) continue;
      const left = await stillDue(database.executor, Object.keys(handlers), before);
      const account = "untrueReports";
      for (const id of left)
        ledger.write({ k: "found", account, id, why: `${task.name} said that nothing is due` });
    } catch {
      // The database is away: the first statement of a drain throws.
    }
  }
}
