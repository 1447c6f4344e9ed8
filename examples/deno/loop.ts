import process from "node:process";

import { Worker } from "pqrun";
import { runUntilSignal } from "pqrun/node";

import { api } from "./api.ts";
import { handlers } from "./handlers.ts";
import { schedules } from "./schedules.ts";
import { sql, store } from "./store.ts";

const { HOST = "127.0.0.1", PORT = "8000" } = process.env;

const worker = new Worker({ store, handlers, schedules, owner: "deno", concurrency: 4, logger: console });
const server = Deno.serve({ hostname: HOST, port: Number(PORT) }, api);

// At the first signal the server answers the requests under way, and takes no more.
await runUntilSignal(worker, { onSignal: () => server.shutdown() });
await sql.end();
