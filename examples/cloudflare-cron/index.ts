import { neon } from "@neondatabase/serverless";
import { neonExecutor } from "pqrun/neon";

import { createWorker, type Secrets } from "./worker.ts";

interface Env extends Secrets {
  readonly DATABASE_URL: string;
}

/** Over Neon's HTTP, each statement is a request. */
export default createWorker((env: Env) => neonExecutor(neon(env.DATABASE_URL)));
