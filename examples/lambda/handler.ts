import pg from "pg";
import { PgJobStore, drainOnce, type DrainReport } from "pqrun";
import { pgExecutor } from "pqrun/pg";

import { createHandlers } from "./handlers.ts";
import { jobs } from "./jobs.ts";
import { schedules } from "./schedules.ts";

/** What this needs of Lambda's context. */
interface Context {
  getRemainingTimeInMillis(): number;
}

/** Kept back of the function's time, for closing what it opened. */
const CLOSE_MS = 2_000;

/** What EventBridge calls each minute. Where it throws, Lambda counts an error. */
export async function handler(_event: unknown, context: Context): Promise<Omit<DrainReport, "error">> {
  const { DATABASE_URL, SITE_URL } = process.env;
  if (DATABASE_URL === undefined || SITE_URL === undefined)
    throw new Error("DATABASE_URL and SITE_URL must be set");
  // Lambda freezes what outlives an invocation, and the next one finds its connections dead.
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 2 });
  pool.on("error", (error) => {
    console.error("an idle connection was lost:", error.message);
  });
  try {
    const { error, ...report } = await drainOnce({
      store: new PgJobStore(pgExecutor(pool), { jobs }),
      handlers: createHandlers(SITE_URL),
      schedules,
      owner: "lambda",
      budgetMs: () => context.getRemainingTimeInMillis() - CLOSE_MS,
      prune: { olderThanSeconds: 7 * 86_400 },
    });
    console.log(JSON.stringify(report));
    if (error !== undefined) throw new Error("the drain broke off", { cause: error });
    return report;
  } finally {
    await pool.end();
  }
}
