// A process that has a worker which is not enabled, and nothing else.
import { Pool } from "pg";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { runUntilSignal } from "../../src/integrations/node.ts";
import { Worker } from "../../src/runners/worker/worker.ts";

const store = new PgJobStore(pgExecutor(new Pool()));
const worker = new Worker({ store, handlers: { a: () => undefined }, enabled: false, env: {} });
setTimeout(() => process.stdout.write("waiting\n"), 200);
await runUntilSignal(worker);
