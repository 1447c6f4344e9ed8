import { expect, test } from "vitest";

import { migrate } from "../../../src/migrate/migrate.ts";
import { tableMigrations } from "../../../src/migrate/migrations.ts";
import { tableDatabase } from "../../support/table-database.ts";
import { PYTHON_COUNTS, PYTHON_DDL, PYTHON_ROWS } from "../../support/table-python.ts";
import { session, type Session } from "../../support/table-sessions.ts";

const COMPLETE = `
SELECT ARRAY['jobs_ready', 'jobs_ready_due', 'jobs_running', 'jobs_failed', 'jobs_cancelled', 'uq_jobs_active_dedupe', 'uq_jobs_tick',
       'uq_jobs_idempotency', 'uq_jobs_debounce', 'jobs_parked', 'jobs_running_keys', 'jobs_begun'] <@ array_agg(c.relname::text)
       AND bool_and(i.indisvalid) AND to_regprocedure('jobs_tick(int, timestamptz)') IS NOT NULL AS complete
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'jobs'::regclass`;

/** What each of twenty sessions, all connected before the first one applies, finds when it is done. */
async function twentyAppliers(url: string): Promise<PromiseSettledResult<unknown>[]> {
  const sessions = await Promise.all(Array.from({ length: 20 }, () => session(url)));
  const apply = async (applier: Session): Promise<unknown> => {
    await migrate(applier.executor);
    return (await applier.rows(COMPLETE))[0];
  };
  try {
    return await Promise.allSettled(sessions.map(apply));
  } finally {
    await Promise.all(sessions.map((applier) => applier[Symbol.asyncDispose]()));
  }
}

const found = Array.from({ length: 20 }, () => ({ status: "fulfilled", value: { complete: true } }));

test.for([
  ["an empty database", "", []],
  ["a table of 10,000 rows that Python made", `${PYTHON_DDL};${PYTHON_ROWS}`, PYTHON_COUNTS],
  [
    "such a table without its dedupe index",
    `${PYTHON_DDL};${PYTHON_ROWS};DROP INDEX uq_jobs_active_dedupe`,
    PYTHON_COUNTS,
  ],
] as const)(
  "20 appliers at once on %s end without an error, and each leaves with every index valid",
  { timeout: 120_000 },
  async ([, setUp, counts]) => {
    await using database = await tableDatabase();
    await database.rows(setUp);
    expect(await twentyAppliers(database.url)).toEqual(found);
    expect(
      await database.rows("SELECT status, count(*)::int FROM jobs GROUP BY status ORDER BY status"),
    ).toEqual(counts);
  },
);

test("20 appliers at once end without an error where the database's default isolation is serializable", async () => {
  await using database = await tableDatabase();
  const [row] = await database.rows("SELECT current_database() AS name");
  await database.rows(
    `ALTER DATABASE ${String(row?.["name"])} SET default_transaction_isolation = 'serializable'`,
  );
  expect(await twentyAppliers(database.url)).toEqual(found);
});

test("20 sessions that run what pqrun sql prints, all at once, end without an error: none tries again", async () => {
  await using database = await tableDatabase();
  const sessions = await Promise.all(Array.from({ length: 20 }, () => session(database.url)));
  try {
    for (const { text } of tableMigrations({}, "always")) {
      const results = await Promise.allSettled(sessions.map((applier) => applier.rows(text)));
      expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
    }
    expect(await database.rows(COMPLETE)).toEqual([{ complete: true }]);
  } finally {
    await Promise.all(sessions.map((applier) => applier[Symbol.asyncDispose]()));
  }
});
