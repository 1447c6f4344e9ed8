import { neon, neonConfig } from "@neondatabase/serverless";
import postgres from "postgres";

import { neonExecutor } from "../../src/adapters/neon.ts";
import { pgExecutor } from "../../src/adapters/pg.ts";
import { postgresExecutor } from "../../src/adapters/postgres.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { testPool } from "../support/pool.ts";
import type { Task } from "./task.ts";

/** The executor of a process, over its driver. */
export function executorOf({ driver, url, neonEndpoint }: Task): SqlExecutor<unknown> {
  switch (driver) {
    case "pg":
      return pgExecutor(testPool(url, { max: 6, connectionTimeoutMillis: 5_000 }));
    case "postgres":
      return postgresExecutor(
        postgres(url, { max: 6, connect_timeout: 5, onnotice: () => undefined, backoff: () => 0.25 }),
      );
    case "neon":
      neonConfig.fetchEndpoint = neonEndpoint;
      return neonExecutor(neon(url));
  }
}
