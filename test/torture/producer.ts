import { setTimeout as pause } from "node:timers/promises";

import { isPqrunError } from "../../src/core/errors.ts";
import { JobProducer, type JobToEnqueue } from "../../src/core/producer.ts";
import type { UntypedJobs } from "../../src/core/contract.ts";
import type { Kind } from "./handlers.ts";
import type { LedgerWriter } from "./ledger.ts";
import { executorOf } from "./store.ts";
import { randomOf, type Task } from "./task.ts";

type Job = JobToEnqueue<UntypedJobs>;

/** Shares of the nasty kinds; the rest is quick. */
const SHARES: readonly (readonly [Kind, number])[] = [
  ["crash", 0.001],
  ["block", 0.001],
  ["hang", 0.003],
  ["fail", 0.02],
  ["snooze", 0.01],
  ["slow", 0.02],
  ["settle", 0.03],
];
const BULK = 40;
const PATIENCE_MS = 10_000;
const IN_FLIGHT = 8;

/** Enqueues its share, singly and in bulk, some with dedupe keys, at its pace; no job is enqueued twice. */
export async function runProducer(task: Task, ledger: LedgerWriter): Promise<void> {
  const random = randomOf(task.seed);
  const producer = new JobProducer(executorOf(task));
  const startedAt = performance.now();
  const inFlight = new Set<Promise<void>>();
  let made = 0;
  let given = 0;
  // What was refused or may be lost is made up for, with another marker.
  while (given < task.jobs) {
    const ahead = (given / task.rate) * 1_000 - (performance.now() - startedAt);
    if (ahead > 0) await pause(ahead);
    while (inFlight.size >= IN_FLIGHT) await Promise.race(inFlight);
    const count = Math.min(random() < 0.3 ? BULK : 1, task.jobs - given);
    const jobs = Array.from({ length: count }, () => jobOf(`${task.name}-${String(made++)}`, random));
    given += count;
    const sent: Promise<void> = enqueue(producer, jobs, ledger).then((acknowledged) => {
      if (!acknowledged) given -= count;
      inFlight.delete(sent);
    });
    inFlight.add(sent);
    if (given >= task.jobs) await Promise.all(inFlight);
  }
}

function jobOf(m: string, random: () => number): Job {
  const type = kindOf(random());
  const timeoutSeconds = type === "hang" ? 1 : undefined;
  const maxAttempts = type === "crash" || type === "hang" ? 2 : 5;
  const dedupeKey = random() < 0.15 ? `${type}-${String(Math.floor(random() * 50))}` : undefined;
  return { type, payload: { m }, maxAttempts, timeoutSeconds, dedupeKey, priority: Math.floor(random() * 3) };
}

function kindOf(point: number): Kind {
  let edge = 0;
  for (const [kind, share] of SHARES) {
    edge += share;
    if (point < edge) return kind;
  }
  return "quick";
}

async function enqueue(producer: JobProducer, jobs: readonly Job[], ledger: LedgerWriter): Promise<boolean> {
  const m = jobs.map(({ payload }) => (payload as { readonly m: string }).m);
  ledger.write({ k: "intent", m });
  const sent = send(producer, jobs);
  const late = pause(PATIENCE_MS, "late" as const, { ref: false });
  try {
    const ids = await Promise.race([sent, late]);
    ledger.write(ids === "late" ? { k: "unknown", m } : { k: "ack", m, ids });
    if (ids === "late") sent.catch(() => undefined);
    return ids !== "late";
  } catch (error) {
    // Only errors from before the statement was sent, or of a rollback, say that nothing was written.
    ledger.write({ k: isPqrunError(error, "unknown-outcome") ? "unknown" : "refused", m });
    return false;
  }
}

async function send(producer: JobProducer, jobs: readonly Job[]): Promise<readonly string[]> {
  const [only] = jobs;
  if (jobs.length === 1 && only !== undefined) {
    const { type, payload, ...options } = only;
    return [(await producer.enqueue(type, payload, options)).id];
  }
  return (await producer.enqueueMany(jobs)).map(({ id }) => id);
}
