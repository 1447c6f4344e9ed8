import { randomBytes } from "node:crypto";

import { Hono } from "hono";

import { PgJobStore } from "../core/store.ts";
import type { SqlExecutor } from "../core/executor.ts";
import type { TableOptions } from "../core/sql/table-names.ts";
import { dashboard } from "../dashboard/dashboard.ts";
import { serve, type Serving } from "./demo/serve.ts";

/** The same at each start, so that a tab which is open finds it again; its token is another. */
const DASHBOARD_PORT = 7434;

/**
 * Serves the dashboard to this machine alone, below a path that only its URL tells: other users of the machine reach the
 * port, and not the pages.
 */
export async function serveDashboard(
  executor: SqlExecutor,
  table: TableOptions,
  { readOnly, port }: { readonly readOnly: boolean; readonly port: number | undefined },
): Promise<Serving> {
  const token = randomBytes(24).toString("base64url");
  const store = new PgJobStore(executor, { ...table, logger: false });
  const app = new Hono().route(
    `/${token}/`,
    dashboard({ store, authorize: () => (readOnly ? "read" : "full") }),
  );
  const serving = await serve(app.fetch, port, DASHBOARD_PORT);
  return { ...serving, url: `${serving.url}/${token}/` };
}
