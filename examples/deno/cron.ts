import process from "node:process";

import { drainOnce } from "pqrun";

import { api } from "./api.ts";
import { handlers } from "./handlers.ts";
import { schedules } from "./schedules.ts";
import { sql, store } from "./store.ts";

const { HOST = "127.0.0.1", PORT = "8000" } = process.env;

const stopping = new AbortController();
const { signal } = stopping;
for (const name of ["SIGTERM", "SIGINT"]) {
  process.once(name, () => {
    stopping.abort();
  });
}

const server = Deno.serve({ hostname: HOST, port: Number(PORT), signal }, api);

// Each minute; Deno starts no run while one is under way. A shutdown gives back what runs.
const cron = Deno.cron("drain", "* * * * *", { signal }, async () => {
  const { error, ...report } = await drainOnce({
    store,
    handlers,
    schedules,
    owner: "deno",
    budgetMs: 50_000,
    prune: { olderThanSeconds: 7 * 86_400 },
    signal,
  });
  console.info(JSON.stringify(report));
  if (error !== undefined) throw new Error("the drain broke off", { cause: error });
});

await Promise.all([server.finished, cron]);
await sql.end();
