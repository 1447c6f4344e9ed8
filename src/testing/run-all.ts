import type { JobContracts } from "../core/contract.ts";
import type { PgJobStore } from "../core/store.ts";
import { drainOnce } from "../runners/drain/drain-once.ts";
import type { Handlers } from "../runners/job/handler.ts";
import type { JobEvent } from "../runners/job/job-event.ts";
import { steps } from "../runners/job/job-steps.ts";

/** How jobs are run in a test. */
export interface RunAllOptions {
  /**
   * Whether jobs may end FAILED without an error of the call's. Without it the first such job's error is thrown: a test
   * that looks only at what a handler should have done would not show why it has not.
   *
   * @default false
   */
  readonly allowFailures?: boolean | undefined;
  /** Most attempts: beyond them it throws, since a job that enqueues itself would never end. 1 or more. @default 1,000 */
  readonly maxJobs?: number | undefined;
}

/** The end of one attempt. */
export interface Attempt {
  readonly id: string;
  readonly type: string;
  readonly outcome:
    "done" | "retried" | "failed" | "snoozed" | "continued" | "released" | "lost" | "cancelled";
  /** Which attempt it was, from 1. */
  readonly attempt: number;
  /** What the handler threw, as it threw it. */
  readonly error?: unknown;
}

/** Some of the handlers of a store. */
export type SomeHandlers<J extends JobContracts, Tx> = Partial<Handlers<J, Tx>>;

/** A drain ends long after any test has. */
const BUDGET_MS = 3_600_000;

/** Which way a job may go from here, if any. */
interface Round {
  /** Makes something due that was not. @returns false where nothing waits */
  readonly next: () => Promise<boolean>;
  readonly fails: (attempt: Attempt) => boolean;
}

/**
 * Runs what is due, one job after another, round by round.
 *
 * @throws Error for the first attempt that `fails`, its cause what the handler threw; and for more attempts than allowed.
 */
export async function runAll<J extends JobContracts, Tx>(
  store: PgJobStore<J, Tx>,
  handlers: SomeHandlers<J, Tx>,
  { maxJobs = 1_000 }: RunAllOptions,
  { next, fails }: Round,
): Promise<readonly Attempt[]> {
  const attempts: Attempt[] = [];
  const onEvent = (event: JobEvent): void => {
    const ended = endOf(event);
    if (ended !== undefined) attempts.push(ended);
  };
  do {
    const report = await drainOnce({
      store,
      // Of the types that it has, which are the only ones that are asked for.
      handlers: handlers as Handlers<J, Tx>,
      steps,
      types: Object.keys(handlers),
      concurrency: 1,
      budgetMs: BUDGET_MS,
      maxJobs: Math.max(1, maxJobs - attempts.length),
      onEvent,
      env: {},
    });
    if (report.stoppedBy === "error")
      throw new Error(`the drain failed: ${firstLine(report.error)}`, { cause: report.error });
    const failed = attempts.find(fails);
    if (failed !== undefined)
      throw new Error(
        `job ${failed.id} of the type ${failed.type} ${failed.outcome}: ${firstLine(failed.error)}`,
        {
          cause: failed.error,
        },
      );
    if (attempts.length >= maxJobs && report.more)
      throw new Error(`${maxJobs} attempts, and more is due: does a job enqueue itself? (maxJobs)`);
  } while (await next());
  return attempts;
}

function endOf({ event, id, type, attempts, error }: JobEvent): Attempt | undefined {
  if (event === "started" || event === "reaped" || event === "unsettled") return undefined;
  const ended = { id, type, outcome: event, attempt: attempts ?? 0 };
  return error === undefined ? ended : { ...ended, error };
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? "";
}
