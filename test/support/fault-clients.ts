import postgres from "postgres";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { testPool } from "./pool.ts";

/** A driver's connections to a server that fails. */
export interface FaultClient {
  readonly executor: SqlExecutor;
  end(): Promise<unknown>;
}

/** Opens connections, at most so many. */
export type OpenFaultClient = (url: string, max: number) => FaultClient;

/** The drivers that hold sockets, as their documentation opens them. */
export const faultClients: Readonly<Record<"pg" | "postgres", OpenFaultClient>> = {
  pg: (url, max) => {
    const pool = testPool(url, { max });
    return { executor: pgExecutor(pool), end: () => pool.end() };
  },
  postgres: (url, max) => {
    // By default it waits up to 20 s before it connects again.
    const sql = postgres(url, { max, onnotice: () => undefined, backoff: () => 0.25 });
    return { executor: postgresExecutor(sql), end: () => sql.end({ timeout: 1 }) };
  },
};

/** Their names. */
export const FAULT_DRIVERS = ["pg", "postgres"] as const satisfies readonly (keyof typeof faultClients)[];
