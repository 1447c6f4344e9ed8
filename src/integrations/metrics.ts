import { metricsText } from "../core/metrics-text.ts";
import { overview } from "../core/operations/overview.ts";
import { loggerOf } from "../core/logger.ts";
import type { Logger } from "../core/logger.ts";
import type { PgJobStore } from "../core/store.ts";
import { causesText } from "../core/values/error-text.ts";
import { bearsSecret } from "./bearer.ts";
import type { Secret } from "./bearer.ts";

export { healthRoute } from "./health.ts";
export type { HealthRouteOptions } from "./health.ts";
export { metricsText } from "../core/metrics-text.ts";
export type { Secret } from "./bearer.ts";

/** What is needed of a store: any `PgJobStore`. */
type Store = Pick<PgJobStore, "connection" | "logger">;

/** Options of {@link metricsRoute}. */
export interface MetricsRouteOptions {
  /** A function where each request needs a client of its own. */
  readonly store: Store | (() => Store | Promise<Store>);
  /** What a collector sends as `Authorization: Bearer …`, of at least 16 characters. Without one every request gets a 500. */
  readonly secret: Secret;
  /** Labels of every sample, such as `{ queue: "mail" }`. @default none */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Gets what the responses keep to themselves. @default the store's, where it is no function: the console */
  readonly logger?: Logger | false | undefined;
}

/**
 * A route for Prometheus, for any platform that calls a function with a `Request`: jobs by type and state, what is due and
 * for how long. Some milliseconds of the database, however many jobs have finished.
 *
 * ```ts
 * app.get("/metrics", (c) => metrics(c.req.raw)); // const metrics = metricsRoute({ store, secret: process.env.METRICS_SECRET })
 * ```
 *
 * It returns 200 with the text; 401 for the wrong secret; 500 where it was set up wrongly or the database failed, which the
 * logger is told.
 */
export function metricsRoute(options: MetricsRouteOptions): (request: Request) => Promise<Response> {
  const { store, secret, labels } = options;
  const logger = loggerOf(options.logger, typeof store === "function" ? undefined : store.logger);
  return async (request) => {
    try {
      if (!(await bearsSecret(request, secret))) return answer(401, "Unauthorized\n");
      const now = await overview(typeof store === "function" ? await store() : store);
      return answer(200, metricsText(now, labels));
    } catch (error) {
      logger.error("metricsRoute: no metrics", { error: causesText(error) });
      return answer(500, "Internal Server Error\n");
    }
  };
}

function answer(status: number, text: string): Response {
  const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store" };
  return new Response(text, { status, headers });
}
