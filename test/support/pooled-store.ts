import { onTestFinished } from "vitest";

import { pgExecutor, type PgTransaction } from "../../src/adapters/pg/pg.ts";
import type { JobContracts, UntypedJobs } from "../../src/core/contract.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { PgJobStore, type StoreOptions } from "../../src/core/store.ts";
import { testPool } from "./pool.ts";
import type { TestQueue } from "./queue.ts";
import type { Wire } from "./wire.ts";

/** What a pooled store may differ in. */
export interface PooledStoreOptions<J extends JobContracts> extends StoreOptions<J> {
  readonly wire?: Wire | undefined;
  /** A further wrap, around the wire. */
  readonly between?: ((executor: SqlExecutor<PgTransaction>) => SqlExecutor<PgTransaction>) | undefined;
  /** Most connections. */
  readonly max?: number | undefined;
}

/** A store over a pool of its own, as an application has one: closed when the test has finished. */
export function pooledStore<J extends JobContracts = UntypedJobs>(
  queue: TestQueue,
  { wire, between = (executor) => executor, max = 4, ...options }: PooledStoreOptions<J> = {},
): PgJobStore<J, PgTransaction> {
  const pool = testPool(queue.url, { max });
  onTestFinished(() => {
    // Not awaited: a test that cuts its wire leaves connections that end with the database.
    void pool.end();
  });
  const executor = pgExecutor(pool);
  return new PgJobStore(between(wire === undefined ? executor : wire.between(executor)), {
    logger: false,
    ...options,
  });
}
