import { neon } from "@neondatabase/serverless";
import { PgJobStore } from "pqrun";
import { neonExecutor } from "pqrun/neon";
import { drainRoute } from "pqrun/vercel";

import { required } from "../environment.ts";
import { handlers } from "../handlers.ts";
import { jobs } from "../jobs.ts";
import { schedules } from "../schedules.ts";

/** What Vercel's cron calls each minute, with CRON_SECRET as its token. */
export const GET = drainRoute({
  store: () => new PgJobStore(neonExecutor(neon(required("DATABASE_URL"))), { jobs }),
  handlers,
  schedules,
  owner: "vercel-cron",
  secret: () => process.env["CRON_SECRET"],
  // Below the maxDuration of vercel.json, and over before the next one starts.
  budgetMs: 50_000,
  prune: { olderThanSeconds: 7 * 86_400 },
});
