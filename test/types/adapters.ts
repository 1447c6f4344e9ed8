// Every driver's own types fit its adapter without a cast.
import type { PGlite, Transaction } from "@electric-sql/pglite";
import type { Client as NeonClient, NeonQueryFunction, Pool as NeonPool } from "@neondatabase/serverless";
import type { Client, Pool, PoolClient } from "pg";
import type { ReservedSql, Sql, TransactionSql } from "postgres";

import { bunExecutor } from "../../src/adapters/bun.ts";
import { neonExecutor } from "../../src/adapters/neon.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { pgliteExecutor } from "../../src/adapters/pglite.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import { PgJobStore } from "../../src/core/store.ts";

export const ofPg = (pool: Pool, client: Client, lent: PoolClient): unknown => [
  pgExecutor(pool, { prepare: true }),
  pgExecutor(client),
  pgExecutor(lent),
  new PgJobStore(pgExecutor(pool)).with(lent),
  new PgJobStore(pgExecutor(client)).with(client),
];

export const ofNeonWebSocket = (pool: NeonPool, client: NeonClient): unknown => [
  pgExecutor(pool),
  pgExecutor(client),
  new PgJobStore(pgExecutor(pool)).with(client),
];

export const ofNeonHttp = (
  sql: NeonQueryFunction<false, false>,
  arrays: NeonQueryFunction<true, true>,
  either: NeonQueryFunction<boolean, boolean>,
): unknown => [neonExecutor(sql), neonExecutor(arrays), neonExecutor(either)];

export const ofPostgres = (
  sql: Sql,
  typed: Sql<{ bigint: bigint; point: { x: number } }>,
  tx: TransactionSql,
  reserved: ReservedSql,
): unknown => [
  postgresExecutor(sql, { prepare: true }),
  postgresExecutor(typed),
  new PgJobStore(postgresExecutor(sql)).with(tx),
  new PgJobStore(postgresExecutor(sql)).with(reserved),
];

export const ofPglite = (pglite: PGlite, tx: Transaction): unknown => [
  pgliteExecutor(pglite),
  new PgJobStore(pgliteExecutor(pglite)).with(tx),
];

/** As bun-types 1.4 declares it, whose globals don't go together with Node's. */
interface BunQuery<T> extends Promise<T> {
  cancel(): BunQuery<T>;
  values(): BunQuery<T>;
}
type MaybePromise<T> = T | Promise<T>;
interface Bun {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Bun's own signature
  unsafe<T = any>(string: string, values?: any[] | Record<string, any>): BunQuery<T>;
  begin<const T>(fn: (sql: BunTransaction) => MaybePromise<T>): Promise<Awaited<T>>;
  begin<const T>(options: string, fn: (sql: BunTransaction) => MaybePromise<T>): Promise<Awaited<T>>;
  listen(
    channel: string,
    onnotify: (payload: string) => void,
    onlisten?: () => void,
  ): Promise<{ readonly channel: string; unlisten(): Promise<void> }>;
}

interface BunTransaction extends Bun {
  savepoint<T>(fn: (sql: Bun) => MaybePromise<T>): Promise<T>;
}
interface BunReserved extends Bun {
  release(): void;
}

export const ofBun = (sql: Bun, tx: BunTransaction, reserved: BunReserved): unknown => [
  bunExecutor(sql),
  new PgJobStore(bunExecutor(sql)).with(tx),
  new PgJobStore(bunExecutor(sql)).with(reserved),
  // @ts-expect-error -- the client itself is in no transaction
  new PgJobStore(bunExecutor(sql)).with(sql),
];

export const outside = (sql: Sql, pool: Pool, pglite: PGlite): unknown => [
  // @ts-expect-error -- each statement of a pool's would have a client of its own
  new PgJobStore(pgExecutor(pool)).with(pool),
  // @ts-expect-error -- the client itself is in no transaction
  new PgJobStore(postgresExecutor(sql)).with(sql),
  // @ts-expect-error -- nor is PGlite itself
  new PgJobStore(pgliteExecutor(pglite)).with(pglite),
];

export const refused = (sql: Sql, pool: Pool): unknown => [
  // @ts-expect-error -- a pool of pg is not postgres.js
  postgresExecutor(pool),
  // @ts-expect-error -- postgres.js is neither a pool nor a client of pg
  pgExecutor(sql),
  // @ts-expect-error -- nor is a pool PGlite
  pgliteExecutor(pool),
];
