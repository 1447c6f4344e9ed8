import type { JobContracts, JobName, UntypedJobs } from "../core/contract.ts";
import { causesText } from "../core/values/error-text.ts";
import { InvalidInputError } from "../core/errors.ts";
import { loggerOf } from "../core/logger.ts";
import { safely } from "../core/safely.ts";
import { drainOnce } from "../runners/drain/drain-once.ts";
import type { DrainOptions, DrainReport } from "../runners/drain/drain-options.ts";
import { processEnvironment } from "../runners/worker-environment.ts";
import type { Environment } from "../runners/worker-environment.ts";

/** What pqrun needs of Cloudflare's `ExecutionContext`. */
export interface WaitsUntil {
  waitUntil(promise: Promise<unknown>): void;
}

/** What pqrun hands on of Cloudflare's `ScheduledController`, or of Bun's `CronController`. */
export interface CronTrigger {
  readonly cron: string;
  readonly scheduledTime: number;
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

/** Ends before the next one starts where the trigger fires each minute. */
const CRON_BUDGET_MS = 50_000;
/** Cloudflare cancels what `waitUntil` holds 30 s after the response. */
const MAX_AFTER_RESPONSE_MS = 25_000;

/**
 * A `scheduled` handler that drains. `define` makes store and client inside
 * each invocation, since on Workers a socket outlives none. Where the drain
 * breaks off, the invocation fails, so that Cloudflare shows it.
 *
 * An invocation has six connections at once: handlers that fetch want a
 * `concurrency` of at most 5, which leaves one to the drain over HTTP.
 *
 * The same default export works as a Bun cron, whose process exits with 1 then.
 * Bun hands over the trigger alone: `env` is the process's environment there.
 *
 * ```ts
 * export default {
 *   fetch: app.fetch,
 *   scheduled: scheduledDrain((env: Env) => ({ store: storeOf(env), handlers })),
 * };
 * ```
 */
export function scheduledDrain<
  Env,
  J extends JobContracts = UntypedJobs,
  Tx = never,
  N extends JobName<J> = JobName<J>,
>(
  define: (env: Env, trigger: CronTrigger) => DrainDefinition<J, Tx, N> | Promise<DrainDefinition<J, Tx, N>>,
): (trigger: CronTrigger, env?: Env, ctx?: WaitsUntil) => Promise<void> {
  return async (trigger, env = processEnvironment() as Env, ctx) => {
    const draining = (async () => {
      // A Worker's variables are in `env`, and in process.env only since its compatibility date of 2025.
      await drain({ env: env as Environment, ...(await define(env, trigger)) }, CRON_BUDGET_MS);
    })();
    // What fails here is what Cloudflare's list of past events shows.
    ctx?.waitUntil(draining);
    await draining;
  };
}

/**
 * Drains after the response: enqueue in the route, respond, and the job runs at
 * once, with the cron trigger for what is left. At most 25 s.
 *
 * ```ts
 * const { id } = await c.var.pqrun.enqueue("embed", { text });
 * drainAfter(c.executionCtx, { store: c.var.pqrun, handlers });
 * return c.json({ id }, 202);
 * ```
 *
 * @throws InvalidInputError for a budget beyond 25,000 ms.
 */
export function drainAfter<
  J extends JobContracts = UntypedJobs,
  Tx = never,
  N extends JobName<J> = JobName<J>,
>(ctx: WaitsUntil, definition: DrainDefinition<J, Tx, N>): void {
  const { budgetMs = MAX_AFTER_RESPONSE_MS } = definition;
  if (budgetMs > MAX_AFTER_RESPONSE_MS) {
    throw new InvalidInputError("budgetMs", `at most ${MAX_AFTER_RESPONSE_MS} after a response`, budgetMs);
  }
  const draining = drain(definition, budgetMs);
  // Cloudflare shows it; where a platform only waits, it must neither end the process nor pass unseen.
  draining.catch((error: unknown) => {
    loggerOf(definition.logger, definition.store.logger).error("drainAfter", { error: causesText(error) });
  });
  ctx.waitUntil(draining);
}

async function drain<J extends JobContracts, Tx, N extends JobName<J>>(
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
        throw new Error(`the drain failed: ${causesText(error)}`);
      },
    );
    await safely(() => onReport?.(report), threw("onReport"));
    if (report.stoppedBy === "error") {
      // Without the cause itself: Cloudflare would print it as it is.
      throw new Error(`drain stopped on an error: ${causesText(report.error)}`);
    }
  } finally {
    await safely(() => close?.(), threw("close"));
  }
}
