import { afterAll } from "vitest";

import type { SqlExecutor } from "../../src/core/executor.ts";
import { conformanceDatabase, type ConformanceDatabase } from "../support/conformance-database.ts";

/** One ORM with a database of its own, in which there are orders beside the queue. */
export interface Orm<Tx> {
  readonly name: string;
  /** pqrun's wrapper for it. */
  wrap(base: SqlExecutor): SqlExecutor<Tx>;
  /** A transaction as the ORM's users open it: commits, or rolls back where `work` rejects. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Writes one order in a transaction, in the ORM's own words. */
  insertOrder(tx: Tx, note: string): Promise<unknown>;
  /** A pool of the ORM's, which is in no transaction. */
  readonly pool: unknown;
  /** Whether its transaction resolves where PostgreSQL has made a ROLLBACK of its COMMIT. */
  readonly resolvesRolledBackCommit: boolean;
}

/** A database with orders beside the queue. */
export interface OrmDatabase extends ConformanceDatabase {
  /** The notes of the orders that are committed, in the order of their ids. */
  orders(): Promise<readonly unknown[]>;
}

/** Opens it until the end of the file. */
export async function ormDatabase(): Promise<OrmDatabase> {
  const database = await conformanceDatabase();
  const { rival } = database;
  await rival.query(
    "CREATE TABLE public.orders (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, note text NOT NULL)",
  );
  return {
    ...database,
    empty: async () => {
      await rival.query("TRUNCATE public.orders, public.jobs, public.jobs_waiting RESTART IDENTITY");
    },
    orders: async () =>
      (await rival.query("SELECT note FROM public.orders ORDER BY id")).map((row) => row["note"]),
  };
}

/** Ends what the tests of a file have opened, before their database is dropped. */
export function atEnd(close: () => unknown): void {
  afterAll(async () => {
    await close();
  });
}
