import postgres from "postgres";
import { expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { EventLog } from "../support/event-log.ts";
import { Gate } from "../support/handlers.ts";
import { testPool } from "../support/pool.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

/** An executor, and what its owner ends it by: a pool's `end` waits for the client that LISTENs. */
type Opened = readonly [executor: SqlExecutor, end: () => Promise<unknown>];

const DRIVERS: Readonly<Record<string, () => Opened>> = {
  pg: () => {
    const pool = testPool(queue.url, { max: 4 });
    return [pgExecutor(pool), () => pool.end()];
  },
  "postgres.js": () => {
    const sql = postgres(queue.url, { max: 4 });
    return [postgresExecutor(sql), () => sql.end()];
  },
};

test.for(Object.entries(DRIVERS))(
  "a stop after the owner of %s has ended it is over at once, and says what becomes of the jobs",
  async ([, open]) => {
    const id = await queue.insert();
    const [executor, end] = open();
    const [gate, log, said] = [new Gate(), new EventLog(), [] as string[]];
    const note = (message: string): void => void said.push(message);
    const worker = new Worker({
      store: new PgJobStore(executor, { logger: false }),
      handlers: { a: () => gate.opened },
      onEvent: log.onEvent,
      logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: note },
      env: {},
      // Without an end of its own the test would reach its limit.
      shutdownTimeoutSeconds: 3_600,
      shutdownGraceSeconds: 3_600,
    }).start();
    await log.until("started");
    const ended = end();
    gate.open();
    await worker.stop();
    await ended;
    expect(said).toEqual([expect.stringContaining("the pool was ended before the worker was stopped")]);
    expect(await queue.store.get(id)).toMatchObject({ status: "RUNNING", attempts: 1 });
  },
);
