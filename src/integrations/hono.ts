import type { Context, Env, MiddlewareHandler } from "hono";

/** A `PgJobStore` or a `JobProducer`, of whatever contracts. */
export interface Enqueues {
  enqueue(...args: never[]): Promise<unknown>;
}

/** What {@link pqrun} adds to an application's context: `new Hono<PqrunEnv<typeof store>>()`. */
export interface PqrunEnv<S extends Enqueues> {
  Variables: { readonly pqrun: S };
}

/**
 * Hono middleware that gives routes a typed `c.var.pqrun`. Where a client can't
 * outlive a request (Cloudflare's Workers), pass a function that makes the
 * store for each; elsewhere the store itself.
 *
 * ```ts
 * const app = new Hono().use(pqrun(store)).post("/summaries", async (c) =>
 *   c.json(await c.var.pqrun.enqueue("summarize", await c.req.json()), 202),
 * );
 * ```
 */
export function pqrun<S extends Enqueues, E extends Env = Env>(
  store: S | ((c: Context<E>) => S | Promise<S>),
): MiddlewareHandler<E & PqrunEnv<S>> {
  return async (c, next) => {
    // The same context, whose type has one variable more by now.
    c.set("pqrun", typeof store === "function" ? await store(c as unknown as Context<E>) : store);
    await next();
  };
}
