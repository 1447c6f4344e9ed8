import { Hono, type Context } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { timingSafeEqual } from "hono/utils/buffer";
import { PgJobStore, type SqlExecutor } from "pqrun";
import { drainAfter, scheduledDrain } from "pqrun/cloudflare";
import { pqrun } from "pqrun/hono";
import { steps } from "pqrun/steps";

import { handlers } from "./handlers.ts";
import { jobs } from "./jobs.ts";
import { schedules } from "./schedules.ts";

/** What every variant's environment holds. */
export interface Secrets {
  /** Whoever enqueues sends it as `Authorization: Bearer …`. */
  readonly API_TOKEN: string;
}

/**
 * Routes that enqueue and look, and a cron trigger that drains. `executorOf`
 * makes a client for one invocation, since on Workers a socket outlives none.
 */
export function createWorker<Env extends Secrets>(
  executorOf: (env: Env) => SqlExecutor,
): Required<Pick<ExportedHandler<Env>, "fetch" | "scheduled">> {
  const storeOf = (env: Env): PgJobStore<typeof jobs> => new PgJobStore(executorOf(env), { jobs });

  const app = new Hono<{ Bindings: Secrets }>()
    .use(bearerAuth({ verifyToken: (token, c) => mayCall(token, c.env as Secrets) }))
    .use(pqrun((c: Context<{ Bindings: Secrets }>) => storeOf(c.env as Env)))
    .post("/checks", async (c) => {
      const url = readUrl(await c.req.json<unknown>().catch(() => null));
      if (url === undefined) return c.json({ error: "expected {url}, an https address" }, 400);
      const enqueued = await c.var.pqrun.enqueue("check", { url }, { dedupeKey: `check:${url}` });
      // Runs at once, after the response; what is left is the cron trigger's.
      drainAfter(c.executionCtx, { store: c.var.pqrun, handlers, steps, maxJobs: 5, maxStatements: 10 });
      return c.json(enqueued, 202);
    })
    .get("/jobs/:id{[0-9]{1,18}}", async (c) => {
      const job = await c.var.pqrun.get(c.req.param("id"));
      if (job === null) return c.json({ error: "no such job" }, 404);
      const { id, type, status, attempts, result } = job;
      return c.json({ id, type, status, attempts, result });
    });

  return {
    fetch: app.fetch,
    scheduled: scheduledDrain((env: Env) => ({
      store: storeOf(env),
      handlers,
      steps,
      schedules,
      owner: "cloudflare-cron",
      // An invocation has six connections at once: what the handlers leave is the drain's own.
      concurrency: 5,
      // A free Worker has 50 subrequests an invocation: each page is one, and over HTTP each statement.
      maxJobs: 30,
      maxStatements: 15,
      prune: { olderThanSeconds: 7 * 86_400, limit: 100 },
      onReport: (report) => {
        console.log(JSON.stringify(report));
      },
    })),
  };
}

/** Without a token of its own the API lets nobody in. */
async function mayCall(token: string, { API_TOKEN = "" }: Partial<Secrets>): Promise<boolean> {
  return API_TOKEN.length >= 16 && (await timingSafeEqual(token, API_TOKEN));
}

function readUrl(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("url" in body) || typeof body.url !== "string")
    return undefined;
  return /^https:\/\/.{1,400}$/.test(body.url) && URL.canParse(body.url) ? body.url : undefined;
}
