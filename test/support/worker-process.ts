// A process with one worker, for tests that kill it: its handler never ends.
import { Pool } from "pg";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { Worker } from "../../src/runners/worker/worker.ts";

const pool = new Pool({ connectionString: process.env["WORKER_PROCESS_URL"] });
new Worker({
  concurrency: 10,
  store: new PgJobStore(pgExecutor(pool)),
  leaseMs: Number(process.env["WORKER_PROCESS_LEASE_MS"]),
  handlers: {
    a: ({ job }) => {
      console.log(`started ${job.id}`);
      return new Promise(() => undefined);
    },
  },
}).start();
