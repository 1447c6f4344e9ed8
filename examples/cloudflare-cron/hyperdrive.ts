import { Pool } from "pg";
import { pgExecutor } from "pqrun/pg";

import { createWorker, type Secrets } from "./worker.ts";

interface Env extends Secrets {
  readonly HYPERDRIVE: Hyperdrive;
}

/** Two of the six connections that an invocation may have open. They end with it: nothing closes them. */
const MAX_CONNECTIONS = 2;

/** Over Hyperdrive, the Worker speaks to any PostgreSQL, through a pool of Cloudflare's. */
export default createWorker((env: Env) =>
  pgExecutor(new Pool({ connectionString: env.HYPERDRIVE.connectionString, max: MAX_CONNECTIONS })),
);
