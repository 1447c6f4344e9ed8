import type { Client } from "pg";
import { expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import type { Settlement } from "../../src/core/turn/settlement.ts";
import { sizedText } from "../../src/core/turn/text-for-table-size.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { serverMajor } from "../support/postgres.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";

const queue = await testQueue();
/** A store with plans of its own. */
async function planning(): Promise<{ readonly store: PgJobStore; readonly client: Client }> {
  const { client } = await queue.session();
  return { store: new PgJobStore(pgExecutor(client, { prepare: true })), client };
}

// Statistics are what the test says.
await queue.rows("ALTER TABLE jobs SET (autovacuum_enabled = off)");

/** Looks, settles what it finds, and does now and then what a worker does. */
async function turns(store: PgJobStore, count: number): Promise<void> {
  let settlements: Settlement[] = [];
  for (let n = 0; n < count; n += 1) {
    const { jobs } = await store.turn({
      settlements,
      pickUp: pickUpOf({ slots: 5, buffer: n % 20 }),
      ...(n % 7 === 0 && { reap: { defaultTimeoutSeconds: 60 } }),
      ...(n % 5 === 0 && { guard: { worker: "w", forMs: n } }),
    });
    settlements = jobs.map((job) => ({ job, durationMs: 1, outcome: "done", resultText: null }));
  }
  await store.turn({ settlements });
}

test("a named turn is planned a few times, and then hardly ever again, whatever is asked of it", async (context) => {
  // Which of its plans a statement had, PostgreSQL tells since 14.
  const { store, client } = await planning();
  context.skip((await serverMajor()) < 14, "pg_prepared_statements has no counts before PostgreSQL 14");
  for (const fill of [0, 3_000]) {
    await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, $1)", [fill]);
    await queue.rows("VACUUM ANALYZE jobs");
    await client.query("DISCARD PLANS");
    await turns(store, 150);
  }
  const { rows } = await client.query<{ own: number; kept: number }>(
    `SELECT sum(custom_plans)::int AS own, sum(generic_plans)::int AS kept
       FROM pg_prepared_statements WHERE statement LIKE '%backlog AS MATERIALIZED%'`,
  );
  // Five of each text's own, as PostgreSQL tries before it keeps one; and some tens where a busy server has it forget
  // its plans meanwhile, and the table has grown. It plans each of the last 150 where the parameters show.
  expect(rows[0]?.own).toBeLessThan(100);
  expect(rows[0]?.kept).toBeGreaterThan(200);
});

/** Rows that scans have read since the session last told its counts: of this transaction, and perhaps of those before. */
async function scanned(client: Client): Promise<number> {
  const { rows } = await client.query<{ scanned: number }>(
    "SELECT seq_tup_read::int AS scanned FROM pg_stat_xact_user_tables WHERE relname = 'jobs'",
  );
  return rows[0]?.scanned ?? 0;
}

test("a plan that was kept while the table was empty is not used when it has grown", async () => {
  // Not the session of before, whose table was about as large, and which would keep a plan by the name of that size.
  const { store, client } = await planning();
  await queue.rows("TRUNCATE jobs");
  await queue.rows("VACUUM ANALYZE jobs");
  await turns(store, 12);
  await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, 30000)");
  // This one is as yet too late to know.
  await store.turn({ pickUp: pickUpOf({ slots: 1 }) });
  await client.query("BEGIN");
  const before = await scanned(client);
  await turns(store, 12);
  const during = (await scanned(client)) - before;
  await client.query("ROLLBACK");
  // Eighty-five times with the plan of before. PostgreSQL 12, without statistics, scans once or twice on its own.
  expect(during).toBeLessThanOrEqual(3 * 30_000);
});

test("its text changes where the table is four times as large, and back", () => {
  const textAt = (pages: number): string => sizedText("SELECT 1", pages * 8_192);
  expect([0, 8].map(textAt)).toEqual(["SELECT 1", "SELECT 1"]);
  expect(textAt(32)).toBe("SELECT 1\n-- size 1");
  expect(textAt(33)).toBe("SELECT 1\n-- size 2");
  expect(textAt(12_500)).toBe("SELECT 1\n-- size 6");
  expect(textAt(1)).toBe("SELECT 1");
});
