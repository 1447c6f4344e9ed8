import { setTimeout as pause } from "node:timers/promises";

import { isPqrunError } from "../../src/core/errors.ts";
import { JobProducer } from "../../src/core/producer.ts";
import type { Enqueued } from "../../src/core/enqueue/enqueue.ts";
import { layers, sqlState } from "../../src/core/sql/sql-state.ts";
import { jobOf, type Job, type Payload } from "./jobs.ts";
import type { LedgerWriter } from "./ledger.ts";
import type { Database } from "./store.ts";
import { randomOf, type Task } from "./task.ts";

const BULK = 40;
/** So many callers at once share a statement. */
const BURST = 5;
const PATIENCE_MS = 10_000;
const IN_FLIGHT = 8;
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** Sessions that are ended, statements that are cancelled, a server that is away or has no connection left. */
const EXPECTED = /^(08|53|57)/;
/** How long an enqueue may be without an answer where no network is silent for so long. */
const HUNG_MS = 60_000;

/** Enqueues its share, singly and in bulk, some with dedupe keys, at its pace; no job is enqueued twice. */
export async function runProducer(task: Task, { executor }: Database, ledger: LedgerWriter): Promise<void> {
  const random = randomOf(task.seed);
  const producer = new JobProducer(executor);
  const startedAt = performance.now();
  const inFlight = new Set<Promise<void>>();
  let made = 0;
  let given = 0;
  // What was refused or may be lost is made up for, with another marker.
  while (given < task.jobs) {
    const ahead = (given / task.rate) * 1_000 - (performance.now() - startedAt);
    if (ahead > 0) await pause(ahead);
    while (inFlight.size >= IN_FLIGHT) await Promise.race(inFlight);
    const point = random();
    const calls = point < 0.3 ? [BULK] : Array.from({ length: point < 0.6 ? BURST : 1 }, () => 1);
    for (const count of calls) {
      const jobs = Array.from({ length: count }, () => {
        made += 1;
        return jobOf(`${task.name}-${made}`, made, random, task.without);
      });
      given += count;
      const sent: Promise<void> = enqueue(producer, jobs, ledger, task.name).then((acknowledged) => {
        if (!acknowledged) given -= count;
        inFlight.delete(sent);
      });
      inFlight.add(sent);
    }
    if (given >= task.jobs) await Promise.all(inFlight);
  }
}

/** Enqueues these, and tells the ledger what it was told. @returns whether they were acknowledged */
export async function enqueue(
  producer: JobProducer,
  jobs: readonly Job[],
  ledger: LedgerWriter,
  process: string,
): Promise<boolean> {
  const m = jobs.map(({ payload }) => (payload as unknown as Payload).m);
  ledger.write({ k: "intent", m, keys: jobs.map(({ dedupeKey }) => dedupeKey ?? null) });
  const sent = send(producer, jobs);
  const hung = setTimeout(() => {
    const why = `an enqueue has had no answer for ${HUNG_MS / 1_000} s`;
    ledger.write({ k: "found", account: "hung", id: process, why });
  }, HUNG_MS);
  const late = pause(PATIENCE_MS, "late" as const, { ref: false });
  try {
    const answers = await Promise.race([sent.finally(() => clearTimeout(hung)), late]);
    if (answers === "late") {
      ledger.write({ k: "unknown", m });
      sent.catch(() => undefined);
      return false;
    }
    const ids = answers.map(({ id }) => id);
    ledger.write({ k: "ack", m, ids, c: answers.map(({ created }) => created) });
    return true;
  } catch (error) {
    // Only errors from before the statement was sent, or of a rollback, say that nothing was written.
    if (isPqrunError(error, "unknown-outcome")) ledger.write({ k: "unknown", m });
    else {
      const why = reasonOf(error);
      ledger.write({ k: "refused", m, why });
      const skipped = jobs.some(({ payload }) => (payload as unknown as Payload).skip === true);
      if (!skipped && SQLSTATE.test(why) && !EXPECTED.test(why))
        ledger.write({ k: "found", account: "oddRefusals", id: m[0] ?? "", why });
    }
    return false;
  }
}

/** A SQLSTATE, or what the error calls itself. */
function reasonOf(error: unknown): string {
  const state = sqlState(error);
  if (state !== undefined) return state;
  const [{ code, message } = {}] = layers(error);
  return String(code ?? message).slice(0, 60);
}

async function send(producer: JobProducer, jobs: readonly Job[]): Promise<readonly Enqueued[]> {
  const [only] = jobs;
  if (jobs.length > 1 || only === undefined) return await producer.enqueueMany(jobs);
  const { type, payload, ...options } = only;
  return [await producer.enqueue(type, payload, options)];
}
