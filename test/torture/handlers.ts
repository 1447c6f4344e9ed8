/** Handlers of every kind, good and nasty. Each tells the ledger of its start before it does anything. */
import { setTimeout as pause } from "node:timers/promises";

import { SnoozeError } from "../../src/core/errors.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import type { PickedUpJob } from "../../src/core/job.ts";
import type { JobContext } from "../../src/runners/handler.ts";
import type { UntypedJobs } from "../../src/core/contract.ts";
import type { LedgerWriter } from "./ledger.ts";
import { LEASE_MS } from "./task.ts";

/** The kinds of jobs, each a job type. */
export const KINDS = ["quick", "slow", "fail", "hang", "crash", "block", "snooze", "settle"] as const;
/** One of {@link KINDS}. */
export type Kind = (typeof KINDS)[number];

type Context = JobContext<UntypedJobs, string>;
type Work = (context: Context) => unknown;

const OUTLAST_MS = LEASE_MS * 1.4;
const SLOW_MS = 1_500;

/** The fence as results and errors bear it: by it the audit knows who wrote. */
export function fenceOf({ attempts, lockedBy }: PickedUpJob): string {
  return `${String(attempts)}/${lockedBy}`;
}

/** A handler for each kind. */
export function handlersOf(
  ledger: LedgerWriter,
  name: string,
  executor: SqlExecutor<unknown>,
): Record<Kind, Work> {
  const told =
    (work: Work): Work =>
    async (context) => {
      const { job } = context;
      const { id, attempts: a, lockedBy: l } = job;
      ledger.write({ k: "start", id, a, l, p: name, t: Date.now() });
      try {
        await work(context);
        return { fence: fenceOf(job) };
      } finally {
        ledger.write({ k: "end", id, a, p: name, t: Date.now() });
      }
    };
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
    settle: told((context) => settle(context, executor)),
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
  const effect = {
    text: "INSERT INTO public.torture_effects (job_id, fence) VALUES ($1::text::int8, $2::text)",
    params: [job.id, result.fence],
  };
  if (executor.transaction === undefined) {
    await executor.batch?.([effect, context.settleStatement(result)]);
    return;
  }
  await executor.transaction(async (tx) => {
    await tx.query(effect.text, effect.params);
    await context.settleIn(tx, result);
  });
}
