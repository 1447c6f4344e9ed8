import { serve } from "bun";
import { Worker } from "pqrun";
import { runUntilSignal } from "pqrun/node";

import { api } from "./api.ts";
import { handlers } from "./handlers.ts";
import { schedules } from "./schedules.ts";
import { sql, store } from "./store.ts";

const { HOST = "127.0.0.1", PORT = "3000" } = process.env;

const worker = new Worker({ store, handlers, schedules, owner: "bun", concurrency: 4, logger: console });
const server = serve({ hostname: HOST, port: Number(PORT), fetch: api });
console.info(`listening on ${server.url.href}`);

// At the first signal the server answers the requests under way, and takes no more.
await runUntilSignal(worker, { onSignal: () => server.stop() });
await sql.close();
