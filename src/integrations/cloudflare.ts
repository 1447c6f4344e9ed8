import type { JobContracts, JobName, UntypedJobs } from "../core/contract.ts";
import { processEnvironment } from "../runners/worker-environment.ts";
import type { Environment } from "../runners/worker-environment.ts";
import { drainInvocation } from "./drain-invocation.ts";
import type { DrainDefinition, WaitsUntil } from "./drain-invocation.ts";

export { drainAfter } from "./drain-after.ts";
export type { DrainDefinition, WaitsUntil } from "./drain-invocation.ts";

/** What pqrun hands on of Cloudflare's `ScheduledController`, or of Bun's `CronController`. */
export interface CronTrigger {
  readonly cron: string;
  readonly scheduledTime: number;
}

/** Ends before the next one starts where the trigger fires each minute. */
const CRON_BUDGET_MS = 50_000;

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
      await drainInvocation({ env: env as Environment, ...(await define(env, trigger)) }, CRON_BUDGET_MS);
    })();
    // What fails here is what Cloudflare's list of past events shows.
    ctx?.waitUntil(draining);
    await draining;
  };
}
