import type { Pool } from "pg";

import {
  migrate,
  type MigrateControls,
  type MigrateOptions,
  type MigrationReport,
} from "../../src/migrate/migrate.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { executor as ownExecutor } from "../../src/core/make-executor.ts";
import { testPool } from "./pool.ts";
import { freshDatabase } from "./postgres.ts";

type Rows = Record<string, unknown>[];

/** A database of its own and a pool for it, whose sessions share nothing. */
export interface TableDatabase extends AsyncDisposable {
  readonly url: string;
  readonly pool: Pool;
  /** Speaks as pqrun does, each statement on whichever session is free. */
  readonly executor: SqlExecutor;
  /** Rows of one statement, as a user of `pg` gets them. */
  rows(text: string, params?: readonly unknown[]): Promise<Rows>;
  migrate(options?: MigrateOptions, controls?: MigrateControls): Promise<MigrationReport>;
}

/** Opens an empty database, dropped when disposed of. */
export async function tableDatabase({ max = 4 }: { max?: number } = {}): Promise<TableDatabase> {
  const database = await freshDatabase();
  const pool = testPool(database.url, { max });
  const rows = async (text: string, params: readonly unknown[] = []): Promise<Rows> =>
    (await pool.query<Record<string, unknown>>(text, [...params])).rows;
  const executor: SqlExecutor = ownExecutor({ query: (text, params) => rows(text, params) });
  return {
    url: database.url,
    pool,
    executor,
    rows,
    migrate: (options, controls) => migrate(executor, options, controls),
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.drop();
    },
  };
}
