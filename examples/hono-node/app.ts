import { Hono } from "hono";
import { basicAuth } from "hono/basic-auth";
import { bodyLimit } from "hono/body-limit";
import { dashboard } from "pqrun/dashboard";
import { pqrun, type PqrunEnv } from "pqrun/hono";
import type { Job, PgJobStore } from "pqrun";

import type { jobs } from "./jobs.ts";
import { readIds, readSource } from "./read-body.ts";

/** The queue of this application. */
export type Store = PgJobStore<typeof jobs>;

/** What the API shows. */
export interface AppOptions {
  /** Whether a caller may read why a job failed. An error's text may hold more than is theirs. @default false */
  readonly showErrors?: boolean;
  /**
   * Opens the dashboard at /admin/jobs to `admin` with this password. Where your application knows its users, ask it
   * instead: `authorize: (c) => (c.var.user.isAdmin ? "full" : false)`.
   *
   * @default no dashboard
   */
  readonly adminPassword?: string | undefined;
}

/** The API: it enqueues and looks, and knows no handler. */
export function createApp(
  store: Store,
  { showErrors = false, adminPassword = "" }: AppOptions = {},
): Hono<PqrunEnv<Store>> {
  const app = new Hono<PqrunEnv<Store>>();
  app.use(bodyLimit({ maxSize: 1_000_000 }), pqrun(store));

  app.get("/", (c) =>
    c.text("POST /summaries {text} or {path}\nPOST /relations {summaryIds}\nGET  /jobs/:id\n"),
  );

  app.post("/summaries", async (c) => {
    const source = readSource(await c.req.json<unknown>().catch(() => null));
    if (source === undefined) return c.json({ error: "expected {text}, or {path} of a Markdown file" }, 400);
    // One job at a time for each file: asked again meanwhile, the answer is the job that is there.
    const dedupeKey = "path" in source ? `summarize:${source.path}` : undefined;
    return c.json(await c.var.pqrun.enqueue("summarize", source, { dedupeKey }), 202);
  });

  app.post("/relations", async (c) => {
    const summaryIds = readIds(await c.req.json<unknown>().catch(() => null));
    if (summaryIds === undefined)
      return c.json({ error: "expected {summaryIds}, a list of 1 to 1000 ids" }, 400);
    return c.json(await c.var.pqrun.enqueue("relate", { summaryIds }), 202);
  });

  app.get("/jobs/:id{[0-9]{1,18}}", async (c) => {
    const job = await c.var.pqrun.get(c.req.param("id"));
    return job === null
      ? c.json({ error: "no such job" }, 404)
      : c.json(showErrors ? { ...visible(job), error: firstLine(job.lastError) } : visible(job));
  });

  if (adminPassword !== "") {
    app.use("/admin/*", basicAuth({ username: "admin", password: adminPassword }));
    app.route("/admin/jobs", dashboard({ store, authorize: () => "full" }));
  }

  return app;
}

/** Of an error the line that says what happened; the rest is its stack. */
function firstLine(error: string | null): string | null {
  return error?.split("\n", 1)[0] ?? null;
}

/** What any caller may see. */
function visible({ id, type, status, attempts, result }: Job): Partial<Job> {
  return { id, type, status, attempts, result };
}
