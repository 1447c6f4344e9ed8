// A Worker that serves the dashboard, over a store of each request's own.
import { neon } from "@neondatabase/serverless";
import { Hono } from "hono";
import { PgJobStore } from "pqrun";
import { dashboard } from "pqrun/dashboard";
import { neonExecutor } from "pqrun/neon";

interface Env {
  readonly Bindings: { readonly NEON_URL: string };
}

const app = new Hono<Env>();
app.route(
  "/admin/jobs",
  dashboard<Env>({
    store: (c) => new PgJobStore(neonExecutor(neon(c.env.NEON_URL))),
    authorize: (c) => (c.req.header("x-user") === "admin" ? "full" : "read"),
  }),
);

export default app;
