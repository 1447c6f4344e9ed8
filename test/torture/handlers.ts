/** Handlers of every kind, good and nasty. Each tells the ledger of its start before it does anything. */
import { setTimeout as pause } from "node:timers/promises";

import type { UntypedJobs } from "../../src/core/contract.ts";
import { SnoozeError } from "../../src/core/errors.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import type { PickedUpJob } from "../../src/core/job.ts";
import type { JobContext } from "../../src/runners/job/handler.ts";
import { misread } from "./misread.ts";
import type { LedgerWriter } from "./ledger.ts";
import { LEASE_MS, type Task } from "./task.ts";
import type { Turnstile } from "./turnstile.ts";

/** The kinds of jobs, each a job type. `pair` is run by drains of one slot alone. */
export const KINDS = [
  "quick",
  "slow",
  "fail",
  "hang",
  "crash",
  "block",
  "snooze",
  "settle",
  "refer",
  "referSettle",
  "pair",
] as const;
/** One of {@link KINDS}. */
export type Kind = (typeof KINDS)[number];

type Context = JobContext<UntypedJobs, string>;
/** A handler. */
export type Work = (context: Context) => unknown;

const OUTLAST_MS = LEASE_MS * 1.4;
const SLOW_MS = 1_500;
/** Beyond the next extension. */
const GOES_ON_MS = LEASE_MS * 0.6;
/** The fence as results and errors bear it: by it the audit knows who wrote. */
export function fenceOf({ attempts, lockedBy }: PickedUpJob): string {
  return `${attempts}/${lockedBy}`;
}

/** Makes a handler tell the ledger of its start and its end, and of what it was handed out wrong. */
export function telling(ledger: LedgerWriter, name: string): (work: Work) => Work {
  return (work) => async (context) => {
    const { job } = context;
    const { id, attempts: a, lockedBy: l } = job;
    ledger.write({ k: "start", id, a, l, p: name, t: Date.now() });
    const wrong = misread(job);
    if (wrong !== undefined) ledger.write({ k: "found", account: "altered", id, why: `handed out ${wrong}` });
    try {
      await work(context);
      return { fence: fenceOf(job) };
    } finally {
      ledger.write({ k: "end", id, a, p: name, t: Date.now() });
    }
  };
}

/** A handler for each kind; transactions that stay open go through the turnstile. */
export function handlersOf(
  { name, without }: Task,
  executor: SqlExecutor<unknown>,
  ledger: LedgerWriter,
  transactions: Turnstile,
): Record<Exclude<Kind, "pair">, Work> {
  const told = telling(ledger, name);
  const hurt = (why: string, ms: number): void => {
    ledger.write({ k: "hurt", why, p: name, t: Date.now(), until: Date.now() + ms });
  };
  return {
    quick: told(() => undefined),
    slow: told(({ job }) => pause((Number(job.id) * 37) % SLOW_MS)),
    fail: told(({ job }) => {
      if (job.attempts < 3 || Number(job.id) % 3 === 0) throw new Error(`fence=${fenceOf(job)}=`);
    }),
    hang: told(({ job, signal }) => hang(job, signal)),
    crash: told(({ job }) => {
      hurt("crash", 0);
      if (Number(job.id) % 2 === 0) process.abort();
      process.exit(3);
    }),
    block: told(() => {
      hurt("block", OUTLAST_MS);
      const end = performance.now() + OUTLAST_MS;
      while (performance.now() < end);
    }),
    snooze: told(({ job }) => {
      if (Date.now() < job.createdAt.getTime() + 1_500) throw new SnoozeError(700);
    }),
    settle: told(async (context) => {
      await settle(context, executor);
      // What comes after the commit is nobody's business: the job is done.
      if (Number(context.job.id) % 2 === 0 && !without.includes("goingOn")) await pause(GOES_ON_MS);
    }),
    refer: told((context) => transactions.through(() => refer(context, executor, false))),
    referSettle: told((context) => transactions.through(() => refer(context, executor, true))),
  };
}

/** Some heed their signal, and some are never heard of again. */
function hang(job: PickedUpJob, signal: AbortSignal): Promise<void> {
  return new Promise((_resolve, reject) => {
    if (Number(job.id) % 2 === 0) return;
    signal.addEventListener("abort", () => {
      reject(new Error(`fence=${fenceOf(job)}=`));
    });
  });
}

/** The effect and the settlement are one transaction, or over HTTP one list. */
async function settle(context: Context, executor: SqlExecutor<unknown>): Promise<void> {
  const { job } = context;
  const result = { fence: fenceOf(job) };
  if (executor.transaction === undefined) {
    await executor.batch?.([effectOf(job), context.settleStatement(result)]);
    return;
  }
  await executor.transaction(async (tx) => {
    const { text, params } = effectOf(job);
    await tx.query(text, params);
    await context.settleIn(tx, result);
  });
}

/** A row that refers to its own job stays uncommitted for longer than a lease, which is extended meanwhile. */
async function refer(context: Context, executor: SqlExecutor<unknown>, settles: boolean): Promise<void> {
  const { job, signal } = context;
  const { text, params } = effectOf(job);
  if (executor.transaction === undefined) {
    if (settles) await settle(context, executor);
    else await executor.query(text, params);
    return;
  }
  await executor.transaction(async (tx) => {
    await tx.query(text, params);
    await pause(OUTLAST_MS);
    // As a handler would that is told to end: what it has written must not be kept beside its successor's.
    if (!settles) signal.throwIfAborted();
    if (settles) await context.settleIn(tx, { fence: fenceOf(job) });
  });
}

/** The table's foreign key goes to the job. */
function effectOf(job: PickedUpJob): { readonly text: string; readonly params: readonly string[] } {
  return {
    text: "INSERT INTO public.torture_effects (job_id, fence) VALUES ($1::text::int8, $2::text)",
    params: [job.id, fenceOf(job)],
  };
}
