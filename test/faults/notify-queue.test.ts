import { Client } from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";

import { migrate } from "../../src/migrate/migrate.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { sqlState } from "../../src/core/sql/sql-state.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { importedBinaries, startEmbeddedPostgres } from "../support/postgres-embedded.ts";
import { testPool } from "../support/pool.ts";

// The queue of NOTIFYs is the whole server's: half a megabyte here, where it is 8 GB elsewhere.
const server = await startEmbeddedPostgres(await importedBinaries(), { max_notify_queue_pages: "64" });
const pool = testPool(server.url, { max: 4 });
const store = new PgJobStore(pgExecutor(pool));
const stuck = new Client({ connectionString: server.url });

beforeAll(async () => {
  await migrate(pgExecutor(pool));
  await stuck.connect();
});
afterAll(async () => {
  await stuck.end();
  await pool.end();
  await server.stop();
});

/** Somebody's session listens and is idle in a transaction: nothing leaves the queue until the transaction ends. */
async function fillQueue(): Promise<void> {
  await stuck.query("LISTEN anything");
  await stuck.query("BEGIN; SELECT 1");
  const fill = (): Promise<string | undefined> =>
    pool
      .query("SELECT pg_notify('other', repeat(n::text, 300)) FROM generate_series(100, 120) n")
      .then(() => "room", sqlState);
  while ((await fill()) === "room");
  const { rows } = await pool.query<{ used: number }>("SELECT pg_notification_queue_usage() AS used");
  expect(rows[0]?.used).toBeGreaterThan(0.9);
}

test("a full queue of NOTIFYs fails no insert and no turn: workers poll, say so, and are woken again when it has room", async () => {
  const said: string[] = [];
  const note = (message: string): void => void said.push(message);
  let polls = 0;
  const worker = new Worker({
    concurrency: 10,
    store,
    env: {},
    safetyPollSeconds: 1,
    reapIntervalSeconds: 600,
    idlePoll: { delayMs: () => ((polls += 1), 20) },
    logger: { debug: note, info: note, warn: note, error: note },
    handlers: {
      a: ({ job }) => {
        if (job.attempts === 1) throw new Error("once more");
      },
    },
    backoff: { delayMs: () => 0 },
  }).start();
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  const done = async (count: number): Promise<void> => {
    await expect.poll(() => worker.counts.done, { timeout: 20_000 }).toBe(count);
  };
  const waits = (): Promise<unknown> =>
    pool.query("SELECT FROM jobs_waiting WHERE until > now()").then(({ rowCount }) => rowCount);
  await expect.poll(waits, { timeout: 20_000 }).toBe(1);
  await fillQueue();

  await pool.query("INSERT INTO jobs (job_type) VALUES ('a')");
  await store.enqueue("a", {});
  await done(2);
  await expect.poll(() => said, { timeout: 20_000 }).toContainEqual(expect.stringMatching(/^LISTEN is deaf/));
  const before = polls;
  await expect.poll(() => polls, { timeout: 20_000 }).toBeGreaterThan(before + 2);
  expect(said).not.toContain("the database did not settle, reap or pick up; tried again");

  await stuck.query("COMMIT");
  await expect.poll(() => said, { timeout: 20_000 }).toContain("LISTEN hears again");
  await pool.query("INSERT INTO jobs (job_type) VALUES ('a')");
  await done(3);
});
