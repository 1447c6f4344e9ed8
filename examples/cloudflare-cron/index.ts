import { neon } from "@neondatabase/serverless";
import { Hono, type Context } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { timingSafeEqual } from "hono/utils/buffer";
import { PgJobStore } from "pqrun";
import { drainAfter, scheduledDrain } from "pqrun/cloudflare";
import { pqrun } from "pqrun/hono";
import { neonExecutor } from "pqrun/neon";

import { handlers } from "./handlers.ts";
import { jobs } from "./jobs.ts";

interface Env {
  readonly DATABASE_URL: string;
  /** Whoever enqueues sends it as `Authorization: Bearer …`. */
  readonly API_TOKEN: string;
}

/** A store for one invocation: on Workers nothing may outlive it. */
function storeOf(env: Env): PgJobStore<typeof jobs> {
  return new PgJobStore(neonExecutor(neon(env.DATABASE_URL)), { jobs });
}

/** Without a token of its own the API lets nobody in. */
async function mayCall(token: string, { API_TOKEN = "" }: Partial<Env>): Promise<boolean> {
  return API_TOKEN.length >= 16 && (await timingSafeEqual(token, API_TOKEN));
}

const app = new Hono<{ Bindings: Env }>()
  .use(bearerAuth({ verifyToken: (token, c) => mayCall(token, c.env as Env) }))
  .use(pqrun((c: Context<{ Bindings: Env }>) => storeOf(c.env)))
  .post("/checks", async (c) => {
    const url = readUrl(await c.req.json<unknown>().catch(() => null));
    if (url === undefined) return c.json({ error: "expected {url}, an https address" }, 400);
    const enqueued = await c.var.pqrun.enqueue("check", { url }, { dedupeKey: `check:${url}` });
    // Runs at once, after the response; what is left is the cron trigger's.
    drainAfter(c.executionCtx, { store: c.var.pqrun, handlers, maxJobs: 5, maxStatements: 10 });
    return c.json(enqueued, 202);
  })
  .get("/jobs/:id{[0-9]{1,18}}", async (c) => {
    const job = await c.var.pqrun.get(c.req.param("id"));
    if (job === null) return c.json({ error: "no such job" }, 404);
    const { id, type, status, attempts, result } = job;
    return c.json({ id, type, status, attempts, result });
  });

function readUrl(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("url" in body) || typeof body.url !== "string")
    return undefined;
  return /^https:\/\/.{1,400}$/.test(body.url) && URL.canParse(body.url) ? body.url : undefined;
}

export default {
  fetch: app.fetch,
  scheduled: scheduledDrain((env: Env) => ({
    store: storeOf(env),
    handlers,
    // Free Workers have 50 subrequests in all: each statement is one, and each page.
    maxStatements: 15,
    maxJobs: 30,
    prune: { olderThanSeconds: 7 * 86_400, limit: 100 },
    onReport: (report) => {
      console.log(JSON.stringify(report));
    },
  })),
} satisfies ExportedHandler<Env>;
