import { randomBytes } from "node:crypto";

import { Hono } from "hono";

import { PgJobStore } from "../core/store.ts";
import type { SqlExecutor } from "../core/executor.ts";
import type { TableOptions } from "../core/sql/table-names.ts";
import { dashboard } from "../dashboard/dashboard.ts";
import { serve, type Serving } from "./demo/serve.ts";
import { failureText } from "./terminal/failure-text.ts";

/** The same at each start, so that a tab which is open finds it again; its token is another. */
const DASHBOARD_PORT = 7434;

/**
 * Serves the dashboard to this machine alone, below a path that only its URL tells: other users of the machine reach the
 * port, and not the pages. A page that fails says why.
 */
export async function serveDashboard(
  executor: SqlExecutor,
  table: TableOptions,
  {
    readOnly,
    port,
    failed,
  }: {
    readonly readOnly: boolean;
    readonly port: number | undefined;
    /** Gets the text of what a page fails with. */
    readonly failed: (text: string) => void;
  },
): Promise<Serving> {
  const token = randomBytes(24).toString("base64url");
  const store = new PgJobStore(executor, { ...table, logger: false });
  const app = new Hono().route(
    `/${token}/`,
    dashboard({ store, authorize: () => (readOnly ? "read" : "full") }),
  );
  // A database that is away, or another one's password: who has opened the page is who can mend it.
  app.onError((error, c) => {
    const text = failureText(error);
    failed(text);
    return c.text(`The database has not answered this page.\n\n${text}\n`, 503, {
      "cache-control": "no-store",
    });
  });
  const serving = await serve(app.fetch, port, DASHBOARD_PORT);
  return { ...serving, url: `${serving.url}/${token}/` };
}
