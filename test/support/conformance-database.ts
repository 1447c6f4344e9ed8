import { afterAll } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { testPool } from "./pool.ts";
import { freshDatabase } from "./postgres.ts";

/** A migrated database that the conformance tests of one file have to themselves. */
export interface ConformanceDatabase {
  readonly url: string;
  /** Connections of its own. */
  readonly rival: SqlExecutor;
  /** Takes every job out. */
  empty(): Promise<void>;
}

/** Opens it until the end of the file. */
export async function conformanceDatabase(): Promise<ConformanceDatabase> {
  const database = await freshDatabase();
  const pool = testPool(database.url, { max: 4 });
  const rival = pgExecutor(pool);
  await migrate(rival);
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });
  return {
    url: database.url,
    rival,
    empty: async () => {
      await rival.query("TRUNCATE public.jobs, public.jobs_waiting RESTART IDENTITY");
    },
  };
}
