import { expect, test } from "vitest";

import { defineJob } from "../../src/index.ts";
import type { PickedUpJob } from "../../src/core/job.ts";
import { testQueue } from "../support/queue.ts";
import { limitedStore, turnOf } from "../support/limits.ts";

const queue = await testQueue();

/** Counts what runs, one change after another whatever the snapshots show, and notes each time that it is too many. */
const JUDGE = `
CREATE TABLE running (key text PRIMARY KEY, n int NOT NULL);
CREATE TABLE exceeded (key text, n int);
CREATE TABLE started (id bigint, at timestamptz);
CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE change int := (NEW.status = 'RUNNING')::int - (OLD.status = 'RUNNING')::int; one text; most int; now_running int;
BEGIN
  PERFORM pg_advisory_xact_lock(42);
  IF change = 0 THEN RETURN NULL; END IF;
  IF change = 1 THEN INSERT INTO started VALUES (NEW.id, now()); END IF;
  FOR one, most IN VALUES ('all', 5), (nullif(NEW.concurrency_key, ''), TG_ARGV[0]::int) LOOP
    CONTINUE WHEN one IS NULL;
    INSERT INTO running VALUES (one, change) ON CONFLICT (key) DO UPDATE SET n = running.n + change RETURNING n INTO now_running;
    IF now_running > most THEN INSERT INTO exceeded VALUES (one, now_running); END IF;
  END LOOP;
  RETURN NULL;
END $$`;

const OUTCOMES = [
  { outcome: "done", resultText: null },
  { outcome: "done", resultText: null },
  { outcome: "retry", error: "once more", due: 0 },
  { outcome: "snooze", due: 0 },
  { outcome: "release" },
] as const;

/** What a worker does whose luck is as bad as it gets, in so many rounds. */
async function misfortunes(
  store: Parameters<typeof turnOf>[0],
  seed: number,
  rounds: number,
): Promise<number> {
  let state = seed;
  const chance = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  let held: readonly PickedUpJob[] = [];
  let picked = 0;
  for (let round = 0; round < rounds; round += 1) {
    const ended = held.filter(() => chance() < 0.6);
    const settlements = ended.map((job) => ({
      ...{ job, durationMs: 1 },
      ...OUTCOMES[Math.floor(chance() * OUTCOMES.length)],
    }));
    // Some settle in a turn of its own, some with the next pick-up; some lose their leases, and reap each other's.
    const apart = chance() < 0.3;
    if (apart) await turnOf(store, { settlements });
    const { jobs } = await turnOf(store, {
      ...(apart ? {} : { settlements }),
      ...{ slots: 1 + Math.floor(chance() * 4), buffer: chance() < 0.3 ? 3 : 0, leaseMs: 50 },
      ...(chance() < 0.3 && { reap: { defaultTimeoutSeconds: 60 } }),
    });
    picked += jobs.length;
    held = [...held.filter((job) => !ended.includes(job) && chance() < 0.9), ...jobs];
  }
  return picked;
}

/** Eight at once, while jobs come and some are cancelled. */
async function race(
  concurrency: { perKey: number; order?: "due" | "turns" | "strict" },
  keys: number,
): Promise<number> {
  const jobs = { a: defineJob<object>({ concurrency: { ...concurrency, total: 5 } }) };
  await queue.rows(
    `INSERT INTO jobs (job_type, concurrency_key, max_attempts) SELECT 'a', CASE WHEN n % 7 > 0 THEN 'k' || n % $1::int END, 100 FROM generate_series(1, 400) n`,
    [keys],
  );
  const stores = [];
  for (let n = 0; n < 8; n += 1) stores.push(await limitedStore(queue, jobs));
  const pickers = stores.map((store, n) => misfortunes(store, 1_000 + n, 25));
  const cancels = (async () => {
    for (let n = 0; n < 10; n += 1)
      await queue.rows(
        "UPDATE jobs SET status = 'CANCELLED' WHERE id IN (SELECT id FROM jobs WHERE status = 'RUNNING' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)",
      );
  })();
  const picked = await Promise.all(pickers);
  await cancels;
  return picked.reduce((sum, n) => sum + n, 0);
}

async function judged(perKey: number, work: () => Promise<number>): Promise<void> {
  await queue.rows(JUDGE);
  await queue.rows(
    `CREATE TRIGGER judge AFTER UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION judge(${perKey})`,
  );
  try {
    expect(await work()).toBeGreaterThan(20);
    expect(await queue.rows("SELECT key, max(n) AS n FROM exceeded GROUP BY key")).toEqual([]);
  } finally {
    await queue.rows("DROP FUNCTION judge() CASCADE; DROP TABLE running, exceeded, started");
  }
}

test("a total and a limit of each key are never exceeded by eight that pick up at once, lose leases, retry, snooze, release and reap", async () => {
  await judged(2, () => race({ perKey: 2 }, 4));
});

test("nor in turns, by another judge: a unique index of the keys that run", async () => {
  await queue.rows(
    "CREATE UNIQUE INDEX one_of_a_key ON jobs (concurrency_key) WHERE status = 'RUNNING' AND concurrency_key <> ''",
  );
  try {
    await judged(1, () => race({ perKey: 1, order: "turns" }, 6));
  } finally {
    await queue.rows("DROP INDEX one_of_a_key");
  }
});

test("nor where transactions are isolated, which are sent again", async () => {
  await queue.rows(
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = %L', current_database(), 'repeatable read'); END $$",
  );
  try {
    await judged(2, () => race({ perKey: 2 }, 4));
  } finally {
    await queue.rows(
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET default_transaction_isolation', current_database()); END $$",
    );
  }
});

test("in any span of a rate's seconds no more start than it allows, with any number of workers", async () => {
  await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, 300)");
  await queue.rows(JUDGE);
  await queue.rows("CREATE TRIGGER judge AFTER UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION judge(1)");
  try {
    const jobs = { a: defineJob<object>({ rate: { limit: 10, seconds: 0.5 } }) };
    const pickers = [1, 2, 3, 4].map(async (seed) => misfortunes(await limitedStore(queue, jobs), seed, 40));
    await Promise.all(pickers);
    const [row] = await queue.rows(
      `SELECT max(n)::int AS most FROM (SELECT count(*) OVER (ORDER BY at RANGE BETWEEN interval '0.499999 s' PRECEDING AND CURRENT ROW) AS n FROM started) x`,
    );
    expect(row?.["most"]).toBeGreaterThan(0);
    expect(row?.["most"]).toBeLessThanOrEqual(10);
  } finally {
    await queue.rows("DROP FUNCTION judge() CASCADE; DROP TABLE running, exceeded, started");
  }
});
