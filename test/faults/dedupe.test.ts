import { isDeepStrictEqual } from "node:util";

import { expect, test } from "vitest";

import { Gate } from "../support/handlers.ts";
import { jobRow, jobsByStatus } from "../support/job-rows.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";

const queue = await testQueue();
const sessions = (count: number): Promise<Awaited<ReturnType<typeof queue.session>>[]> =>
  Promise.all(Array.from({ length: count }, () => queue.session()));

const TWICE_ACTIVE = `
SELECT dedupe_key FROM jobs WHERE status IN ('READY', 'RUNNING') GROUP BY 1 HAVING count(*) > 1`;

test("17: a storm of three keys from ten connections, while their jobs end: at most one of a key is active", async () => {
  await using it = startWorker(queue);
  const rounds = Array.from({ length: 40 }, (_, round) => `key ${round % 3}`);
  const answers = await Promise.all(
    (await sessions(10)).map(async ({ store }) => {
      const own = [];
      for (const dedupeKey of rounds) {
        own.push(await store.enqueue("a", {}, { dedupeKey }));
        expect(await queue.rows(TWICE_ACTIVE)).toEqual([]);
      }
      return own;
    }),
  );
  const created = answers.flat().filter((answer) => answer.created);
  await it.log.until("done", created.length);
  const ids = new Set(created.map(({ id }) => id));
  // Each answer names a job that somebody created, and each was created once.
  expect(ids.size).toBe(created.length);
  expect(answers.flat().every(({ id }) => ids.has(id))).toBe(true);
  expect(await jobsByStatus(queue)).toEqual({ DONE: created.length });
});

test("17: a producer's transaction that stays open with an upsert of a running job delays no other job", async () => {
  const id = await queue.insert({ dedupe_key: "'k'", priority: "1" });
  const { client } = await queue.session();
  const gate = new Gate();
  await using it = startWorker(queue, {
    concurrency: 5,
    handlers: { a: ({ job }) => (job.id === id ? gate.opened : undefined) },
  });
  await it.log.until("started");
  await client.query("BEGIN");
  await client.query(`INSERT INTO jobs (job_type, dedupe_key) VALUES ('a', 'k')
    ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING')
    DO UPDATE SET updated_at = now()`);
  gate.open();
  await queue.rows(
    "INSERT INTO jobs (job_type, dedupe_key) SELECT 'a', 'other ' || n FROM generate_series(1, 50) n",
  );
  await it.log.until("done", 50);
  expect(await jobRow(queue, id)).toMatchObject({ status: "RUNNING" });
  await client.query("COMMIT");
  await it.log.until("done", 51);
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1 });
});

test("37: of 40 FAILED jobs with one key, retried by hand at once, one is READY and 39 callers learn of it", async () => {
  await queue.rows(
    "INSERT INTO jobs (job_type, dedupe_key, status, attempts) SELECT 'a', 'k', 'FAILED', 5 FROM generate_series(1, 40)",
  );
  const ids = (await queue.rows("SELECT id::text FROM jobs")).map(({ id }) => String(id));
  const own = await sessions(8);
  const retry = async (id: string, n: number): Promise<unknown> => own[n % own.length]?.store.retry(id);
  const ends = await Promise.allSettled(ids.map(retry));
  const [active] = await queue.rows("SELECT id::text FROM jobs WHERE status = 'READY'");
  const blocked = {
    status: "fulfilled",
    value: { retried: false, status: "FAILED", blockedBy: active?.["id"] },
  };
  expect(ends.filter((end) => isDeepStrictEqual(end, blocked))).toHaveLength(39);
  expect(await jobsByStatus(queue)).toEqual({ READY: 1, FAILED: 39 });
});

test("37: retries by hand and enqueues of one key at once: one job is active, whichever came first", async () => {
  const [one, other] = await sessions(2);
  for (let round = 0; round < 20; round += 1) {
    const failed = await queue.insert({ dedupe_key: "'k'", status: "'FAILED'", attempts: "5" });
    const [retried, enqueued] = await Promise.allSettled([
      one?.store.retry(failed),
      other?.store.enqueue("a", {}, { dedupeKey: "k" }),
    ]);
    expect(enqueued.status).toBe("fulfilled");
    expect(retried.status).toBe("fulfilled");
    const { jobs } = await queue.store.turn({ pickUp: pickUpOf({ slots: 5 }) });
    expect(jobs).toHaveLength(1);
    await queue.rows("TRUNCATE jobs");
  }
});
