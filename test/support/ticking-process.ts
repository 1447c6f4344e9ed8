// A process that ticks, and is killed before it picks up what it has made; or while the tick is under way.
import { Client } from "pg";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { PgJobStore } from "../../src/core/store.ts";

const client = new Client({ connectionString: process.env["QUEUE_URL"] });
await client.connect();
const ticking = new PgJobStore(pgExecutor(client)).tick();
if (process.env["KILL_AT"] === "ticked") await ticking;
else await new Promise((resolve) => setImmediate(resolve));
process.kill(process.pid, "SIGKILL");
