import { neon, neonConfig } from "@neondatabase/serverless";
import postgres from "postgres";
import { onTestFinished, test } from "vitest";

import { neonExecutor } from "../../src/adapters/neon.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { greatIdsThrough } from "../support/great-ids.ts";
import { neonStandIn } from "../support/neon-stand-in.ts";
import { testPool } from "../support/pool.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

// PGlite, which takes seconds to start: test/faults/long.
const DRIVERS: Record<string, () => Promise<SqlExecutor>> = {
  pg: () => {
    const pool = testPool(queue.url, { max: 2 });
    onTestFinished(() => pool.end());
    return Promise.resolve(pgExecutor(pool));
  },
  "postgres.js": () => {
    const sql = postgres(queue.url, { max: 2, onnotice: () => undefined });
    onTestFinished(() => sql.end({ timeout: 0 }));
    return Promise.resolve(postgresExecutor(sql));
  },
  "Neon's HTTP": async () => {
    const standIn = await neonStandIn();
    onTestFinished(() => standIn[Symbol.asyncDispose]());
    neonConfig.fetchEndpoint = standIn.fetchEndpoint;
    return neonExecutor(neon(queue.url));
  },
};

test.for(Object.keys(DRIVERS))(
  "34: ids beyond 2^31, 2^53 and up to 2^63 come through every operation of %s",
  async (name) => {
    const executor = await DRIVERS[name]?.();
    if (executor === undefined) throw new Error("no such driver");
    await greatIdsThrough(executor);
  },
);
