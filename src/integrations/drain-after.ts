import type { JobContracts, JobName, UntypedJobs } from "../core/contract.ts";
import { InvalidInputError } from "../core/errors.ts";
import { loggerOf } from "../core/logger.ts";
import { causesText } from "../core/values/error-text.ts";
import { drainInvocation } from "./drain-invocation.ts";
import type { DrainDefinition, WaitsUntil } from "./drain-invocation.ts";

/** Cloudflare cancels what `waitUntil` holds 30 s after the response; other platforms give more, up to the route's own limit. */
const MAX_AFTER_RESPONSE_MS = 25_000;

/**
 * Drains after the response: enqueue in the route, respond, and the job runs at
 * once, with the cron trigger for what is left. At most 25 s.
 *
 * `waitUntil` is whatever keeps the invocation alive: Next's `after`, Vercel's `waitUntil`, Netlify's `context`, Hono's
 * `c.executionCtx`, Cloudflare's `ctx`. Where a process stays anyway, a function that does nothing will do.
 *
 * ```ts
 * const { id } = await store.enqueue("embed", { text });
 * drainAfter(after, { store, handlers });
 * return Response.json({ id }, { status: 202 });
 * ```
 *
 * What fails is logged, and rejects the promise that the platform was given.
 *
 * @throws InvalidInputError for a budget beyond 25,000 ms, and for a `waitUntil` that is neither.
 */
export function drainAfter<
  J extends JobContracts = UntypedJobs,
  Tx = never,
  N extends JobName<J> = JobName<J>,
>(
  waitUntil: WaitsUntil | ((promise: Promise<unknown>) => unknown),
  definition: DrainDefinition<J, Tx, N>,
): void {
  const { budgetMs = MAX_AFTER_RESPONSE_MS } = definition;
  if (budgetMs > MAX_AFTER_RESPONSE_MS) {
    throw new InvalidInputError("budgetMs", `at most ${MAX_AFTER_RESPONSE_MS} after a response`, budgetMs);
  }
  const wait = waiting(waitUntil);
  const draining = drainInvocation(definition, budgetMs);
  // Cloudflare shows it; where a platform only waits, it must neither end the process nor pass unseen.
  draining.catch((error: unknown) => {
    loggerOf(definition.logger, definition.store.logger).error("drainAfter", {
      error: causesText(error, definition.redact),
    });
  });
  wait(draining);
}

function waiting(
  given: WaitsUntil | ((promise: Promise<unknown>) => unknown),
): (promise: Promise<unknown>) => unknown {
  if (typeof given === "function") return given;
  const context = given as { readonly waitUntil?: unknown } | null | undefined;
  if (typeof context?.waitUntil !== "function")
    throw new InvalidInputError(
      "waitUntil",
      "a function that takes a promise, or a context that has one",
      given,
    );
  return (promise) => {
    given.waitUntil(promise);
  };
}
