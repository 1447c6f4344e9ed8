import { drainOnce, isPqrunError, PgJobStore, type UntypedJobs } from "pqrun";

import type { Driver, Place } from "./place.ts";

/** What became of one drain. */
export interface BudgetDrain {
  readonly budgetMs: number;
  readonly elapsedMs: number;
  readonly stoppedBy: string;
  /** Whether its last statement was answered: only then all that follows is promised to be 0. */
  readonly clean: boolean;
  readonly running: number;
  /** Jobs whose attempts in the table are not the starts that their handler saw. */
  readonly miscounted: number;
  /** Handlers that went on after the drain had returned. */
  readonly outlived: number;
  readonly done: number;
}

const JOBS_A_DRAIN = 40;
/** A few handlers neither end in time nor heed their signal. */
const IGNORES_SIGNAL = 0.02;
const IGNORES_FOR_MS = 1_500;

/** A small generator of random numbers that a seed repeats (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Drains with random budgets over handlers that take random times, one drain after another. */
export async function drainBudgets<Tx>(
  driver: Driver<Tx>,
  place: Place,
  { seed, drains }: { readonly seed: number; readonly drains: number },
): Promise<BudgetDrain[]> {
  const subject = await driver(place).open();
  try {
    const store = new PgJobStore(subject.executor, { logger: false });
    const random = randomOf(seed);
    const ends: BudgetDrain[] = [];
    for (let n = 0; n < drains; n += 1) ends.push(await oneDrain(store, `seed-${seed}-${n}`, random));
    return ends;
  } finally {
    await subject.close();
  }
}

async function oneDrain<Tx>(
  store: PgJobStore<UntypedJobs, Tx>,
  type: string,
  random: () => number,
): Promise<BudgetDrain> {
  await store.enqueueMany(
    Array.from({ length: JOBS_A_DRAIN }, () => ({
      type,
      payload:
        random() < IGNORES_SIGNAL
          ? { ms: IGNORES_FOR_MS, heeds: false }
          : { ms: random() * 120, heeds: true },
    })),
  );
  const budgetMs = 100 + Math.floor(random() * 300);
  const starts = new Map<string, number>();
  let active = 0;
  const startedAt = performance.now();
  const report = await drainOnce({
    store,
    handlers: {
      [type]: async ({ job, payload, signal }) => {
        starts.set(job.id, (starts.get(job.id) ?? 0) + 1);
        active += 1;
        await asLongAs(Number(payload["ms"]), payload["heeds"] === true ? signal : undefined);
        active -= 1;
      },
    },
    budgetMs,
    concurrency: 10,
    batchSize: 20,
  }).catch((error: unknown) => {
    // The least budget may be over before the first statement is answered: a drain rejects then, and in time too.
    if (isPqrunError(error, "unknown-outcome")) return undefined;
    throw error;
  });
  const elapsedMs = performance.now() - startedAt;
  const outlived = active;
  const jobs = await store.list({ types: [type], limit: JOBS_A_DRAIN });
  return {
    budgetMs,
    elapsedMs,
    stoppedBy: report?.stoppedBy ?? "unanswered",
    clean: report?.unsettled === 0 && report.stoppedBy !== "error",
    running: jobs.filter(({ status }) => status === "RUNNING").length,
    miscounted: jobs.filter(({ id, attempts }) => attempts !== (starts.get(id) ?? 0)).length,
    outlived,
    done: report?.done ?? 0,
  };
}

/** Ends early where the signal aborts, as a handler should. */
function asLongAs(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new Error("aborted"));
    });
  });
}
