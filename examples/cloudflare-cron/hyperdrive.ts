import { postgresExecutor } from "pqrun/postgres";
import postgres from "postgres";

import { createWorker, type Secrets } from "./worker.ts";

interface Env extends Secrets {
  readonly HYPERDRIVE: Hyperdrive;
}

/** Two connections of the six that an invocation may have open; they end with it, so nothing closes them. */
const OPTIONS = { max: 2, fetch_types: false };

/** Over Hyperdrive, the Worker speaks to any PostgreSQL, through a pool of Cloudflare's. */
export default createWorker((env: Env) =>
  postgresExecutor(postgres(env.HYPERDRIVE.connectionString, OPTIONS)),
);
