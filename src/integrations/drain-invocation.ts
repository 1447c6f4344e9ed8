import type { JobContracts, JobName, UntypedJobs } from "../core/contract.ts";
import { loggerOf } from "../core/logger.ts";
import { safely } from "../core/safely.ts";
import { causesText } from "../core/values/error-text.ts";
import { drainOnce } from "../runners/drain/drain-once.ts";
import type { DrainOptions, DrainReport } from "../runners/drain/drain-options.ts";

/** What keeps an invocation alive: Cloudflare's `ExecutionContext`, Hono's `c.executionCtx`, Netlify's `context`. */
export interface WaitsUntil {
  waitUntil(promise: Promise<unknown>): void;
}

/** One drain of one invocation: options of `drainOnce`, with clients made for it alone. */
export interface DrainDefinition<
  J extends JobContracts = UntypedJobs,
  Tx = never,
  N extends JobName<J> = JobName<J>,
> extends Omit<DrainOptions<J, Tx, N>, "budgetMs" | "signal"> {
  /** How long it may take, in milliseconds. @default 50,000 of a cron trigger, 25,000 after a response */
  readonly budgetMs?: number | undefined;
  /** Closes the clients; called when the drain has ended, and waited for. What it throws is logged. Over Neon's HTTP and Hyperdrive there is nothing to close. */
  readonly close?: (() => unknown) | undefined;
  /** Gets what the drain did, and is waited for. What it throws, or rejects with, is logged and fails no invocation. */
  readonly onReport?: ((report: DrainReport) => unknown) | undefined;
}

/** Drains, and closes the invocation's clients. @throws Error where the drain failed or broke off */
export async function drainInvocation<J extends JobContracts, Tx, N extends JobName<J>>(
  { close, onReport, budgetMs, ...options }: DrainDefinition<J, Tx, N>,
  defaultBudgetMs: number,
): Promise<void> {
  const logger = loggerOf(options.logger, options.store.logger);
  const threw = (what: string) => (error: string) => {
    logger.error(`${what} threw`, { error });
  };
  try {
    const report = await drainOnce({ ...options, budgetMs: budgetMs ?? defaultBudgetMs }).catch(
      (error: unknown) => {
        throw new Error(`the drain failed: ${causesText(error, options.redact)}`);
      },
    );
    await safely(() => onReport?.(report), threw("onReport"));
    if (report.stoppedBy === "error") {
      // Without the cause itself: Cloudflare would print it as it is.
      throw new Error(`drain stopped on an error: ${causesText(report.error, options.redact)}`);
    }
  } finally {
    await safely(() => close?.(), threw("close"));
  }
}
