import type { JobContracts, JobName, UntypedJobs } from "../core/contract.ts";
import { causesText } from "../core/values/error-text.ts";
import { loggerOf } from "../core/logger.ts";
import type { Logger } from "../core/logger.ts";
import type { PgJobStore } from "../core/store.ts";
import { bearsSecret } from "./bearer.ts";
import type { Secret } from "./bearer.ts";
import { drainOnce } from "../runners/drain/drain-once.ts";
import type { DrainOptions, DrainReport } from "../runners/drain/drain-options.ts";

export type { Secret } from "./bearer.ts";
export { drainAfter } from "./drain-after.ts";
export type { DrainDefinition, WaitsUntil } from "./drain-invocation.ts";

/** Options of {@link drainRoute}: those of `drainOnce`, and who may call. */
export interface DrainRouteOptions<
  J extends JobContracts = UntypedJobs,
  Tx = never,
  N extends JobName<J> = JobName<J>,
> extends Omit<DrainOptions<J, Tx, N>, "store" | "signal"> {
  /** A function where each request needs a client of its own. */
  readonly store: PgJobStore<J, Tx> | (() => PgJobStore<J, Tx> | Promise<PgJobStore<J, Tx>>);
  /**
   * What a caller sends as `Authorization: Bearer …`, of at least 16 characters;
   * Vercel's cron sends CRON_SECRET. Without one, or with a shorter one, every
   * request gets a 500.
   */
  readonly secret: Secret;
  /** Gets what the responses keep to themselves. @default the store's, where it is no function: the console */
  readonly logger?: Logger | false | undefined;
}

/** What the route returns: a {@link DrainReport} without what failed. */
export type DrainRouteReport = Omit<DrainReport, "error">;

/**
 * A route that drains, for any platform that calls a function with a `Request`:
 * Vercel, Next, SvelteKit, Supabase, Netlify, Bun.
 *
 * ```ts
 * export const GET = drainRoute({ store, handlers, budgetMs: 50_000, secret: process.env.CRON_SECRET });
 * ```
 *
 * It returns 200 with the report; 401 for the wrong secret; 500 where it was set
 * up wrongly or the database failed. No response holds a payload, an error's text
 * or more about a refusal than its status: that goes to the logger.
 */
export function drainRoute<
  J extends JobContracts = UntypedJobs,
  Tx = never,
  N extends JobName<J> = JobName<J>,
>(options: DrainRouteOptions<J, Tx, N>): (request: Request) => Promise<Response> {
  const { store, secret, ...drain } = options;
  const logger = loggerOf(options.logger, typeof store === "function" ? undefined : store.logger);
  return async (request) => {
    try {
      if (!(await bearsSecret(request, secret))) return answer(401, { error: "Unauthorized" });
      const report = await drainOnce({
        ...drain,
        store: typeof store === "function" ? await store() : store,
      });
      if (report.stoppedBy === "error") {
        logger.error("drainRoute: drain stopped on an error", {
          error: causesText(report.error, options.redact),
        });
      }
      // A cron that shows its failures is to show this one.
      return answer(report.stoppedBy === "error" ? 500 : 200, visible(report));
    } catch (error) {
      logger.error("drainRoute: the drain failed", { error: causesText(error, options.redact) });
      return answer(500, { error: "Internal Server Error" });
    }
  };
}

function visible({ error: _, ...report }: DrainReport): DrainRouteReport {
  return report;
}

function answer(status: number, body: DrainRouteReport | { readonly error: string }): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store" } });
}
