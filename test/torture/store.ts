import { neon, neonConfig } from "@neondatabase/serverless";
import postgres from "postgres";

import { neonExecutor } from "../../src/adapters/neon.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { testPool } from "../support/pool.ts";
import type { Forgetting, Task } from "./task.ts";

/** A process's way to the database. */
export interface Database {
  readonly executor: SqlExecutor<unknown>;
  /** Has the sessions of the pool that are free forget what they know, as a pooler or a colleague would. */
  forget(how: Forgetting): Promise<unknown>;
}

/** Without the first the driver waits for up to 20 s; without the second it rejects where nobody hears. */
const AS_IN_README = { backoff: () => 0.25, fetch_types: false };

/** The database of a process, over its driver. */
export function databaseOf({ driver, url, neonEndpoint, pool: max, workers, prepare }: Task): Database {
  switch (driver) {
    case "pg": {
      // Many workers on one pool are to find out what waits for a connection without end.
      const limit = workers > 1 ? {} : { connectionTimeoutMillis: 5_000 };
      const pool = testPool(url, { max, ...limit });
      return {
        executor: pgExecutor(pool, { prepare }),
        // Not more than are idle: to others it would open sessions that know nothing anyhow.
        forget: (how) => onAll(Math.max(1, pool.idleCount), () => pool.query(how)),
      };
    }
    case "postgres": {
      const options = { max, connect_timeout: 5, onnotice: () => undefined, ...AS_IN_README };
      const sql = postgres(url, options);
      return {
        executor: postgresExecutor(sql, { prepare }),
        forget: (how) => onAll(max, () => sql.unsafe(how)),
      };
    }
    case "neon":
      neonConfig.fetchEndpoint = neonEndpoint;
      return { executor: neonExecutor(neon(url)), forget: () => Promise.resolve() };
  }
}

/** At once, so that a pool lends another session to each. */
async function onAll(sessions: number, send: () => Promise<unknown>): Promise<void> {
  await Promise.allSettled(Array.from({ length: sessions }, send));
}
