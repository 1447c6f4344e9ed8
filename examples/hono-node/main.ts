import { serve } from "@hono/node-server";
import pg from "pg";
import { PgJobStore, Worker } from "pqrun";
import { runUntilSignal } from "pqrun/node";
import { pgExecutor } from "pqrun/pg";

import { createApp } from "./app.ts";
import { createHandlers } from "./handlers.ts";
import { jobs } from "./jobs.ts";
import { schedules } from "./schedules.ts";

const { DATABASE_URL, DOCUMENTS, API_ENABLED = "true", ADMIN_PASSWORD } = process.env;
const { HOST = "127.0.0.1", PORT = "3000" } = process.env;
if (DATABASE_URL === undefined) throw new Error("DATABASE_URL is not set");

const pool = new pg.Pool({ connectionString: DATABASE_URL });
pool.on("error", (error) => {
  console.error("an idle connection was lost:", error.message);
});
const store = new PgJobStore(pgExecutor(pool), { jobs, logger: console });

// WORKER_ENABLED=false makes this process an API alone, API_ENABLED=false a worker alone.
const worker = new Worker({
  store,
  handlers: createHandlers(DOCUMENTS),
  schedules,
  owner: "hono-node",
  concurrency: 4,
  logger: console,
});
const server =
  API_ENABLED === "true"
    ? serve({
        fetch: createApp(store, { adminPassword: ADMIN_PASSWORD }).fetch,
        hostname: HOST,
        port: Number(PORT),
      })
    : undefined;
server?.on("listening", () => {
  console.info(`listening on http://${HOST}:${PORT}`);
});

await runUntilSignal(worker, {
  onSignal: () =>
    new Promise((resolve) => {
      if (server === undefined) resolve();
      // Answers the requests under way, and takes no more.
      else
        server.close(() => {
          resolve();
        });
    }),
});
await pool.end();
