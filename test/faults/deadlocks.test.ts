import { expect, test } from "vitest";

import { pickUpOf, testQueue, type TestStore } from "../support/queue.ts";
import { notingErrors } from "../support/between.ts";
import { jobRow } from "../support/job-rows.ts";
import { startWorker } from "../support/test-worker.ts";

const queue = await testQueue();
const ROUNDS = 40;
const KEYS = Array.from({ length: 20 }, (_, n) => `key ${n}`);

test(
  `18: settle, extend, release, enqueue with keys, cancel, retry, prune and reap in opposing orders: no deadlock in ${ROUNDS} rounds`,
  { timeout: 240_000 },
  async () => {
    await queue.rows(
      "INSERT INTO jobs (job_type, max_attempts) SELECT 'a', 100000 FROM generate_series(1, 60)",
    );
    const refused: unknown[] = [];
    const session = async (): Promise<TestStore> =>
      (await queue.session({ between: notingErrors(refused) })).store;
    const stores = await Promise.all(Array.from({ length: 8 }, session));
    const [settler, extender, releaser, up, down, canceller, pruner, reaper] = stores;
    if (reaper === undefined) throw new Error("too few");
    for (let round = 0; round < ROUNDS; round += 1) {
      const { jobs } = await queue.store.turn({ pickUp: pickUpOf({ slots: 60, leaseMs: 0 }) });
      expect(jobs).toHaveLength(60);
      const back = jobs.toReversed();
      const some = jobs.filter((_, n) => n % 10 === round % 10);
      const keyed = KEYS.map((dedupeKey) => ({ type: "b", payload: {}, dedupeKey }));
      await Promise.all([
        settler?.turn({
          settlements: jobs.map((job) => ({ job, durationMs: 1, outcome: "snooze", due: 0 })),
        }),
        extender?.extend(back, 0),
        releaser?.turn({ settlements: back.map((job) => ({ job, durationMs: null, outcome: "release" })) }),
        up?.enqueueMany(keyed),
        down?.enqueueMany(keyed.toReversed()),
        ...some.map((job) => canceller?.cancel(job.id)),
        pruner?.prune({ olderThanSeconds: 0 }),
        reaper.reapStale(),
      ]);
      // What was busy for all, or cancelled, is there again for the next round.
      await queue.rows(
        "UPDATE jobs SET status = 'READY', attempts = 0, released = 0, run_after = now() WHERE job_type = 'a'",
      );
      await queue.rows(
        "INSERT INTO jobs (job_type, max_attempts) SELECT 'a', 100000 FROM generate_series((SELECT count(*) FROM jobs WHERE job_type = 'a') + 1, 60)",
      );
      await queue.rows("UPDATE jobs SET status = 'CANCELLED', finished_at = now() WHERE job_type = 'b'");
    }
    expect(refused).toEqual([]);
  },
);

test("18: one row of a running batch is locked by another's transaction: no other lease is lost, and nothing waits", async () => {
  await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, 50)");
  const gate = Promise.withResolvers<undefined>();
  await using it = startWorker(queue, {
    concurrency: 50,
    leaseMs: 3_000,
    handlers: { a: () => gate.promise },
  });
  await it.log.until("started", 50);
  const [one] = await queue.rows("SELECT id::text FROM jobs ORDER BY id LIMIT 1 OFFSET 25");
  const id = String(one?.["id"]);
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query("SELECT FROM jobs WHERE id = $1 FOR UPDATE", [id]);
  const before = it.wire.sent.filter(({ kind }) => kind === "extend").length;
  await it.wire.until(() => {
    const extends_ = it.wire.sent.filter(({ kind, rows }) => kind === "extend" && rows !== undefined);
    return extends_.length >= before + 2 ? true : undefined;
  });
  expect(
    await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE lease_expires_at > now() AND id <> $1", [id]),
  ).toEqual([{ n: 49 }]);
  gate.resolve(undefined);
  await it.log.until("done", 49);
  expect(await jobRow(queue, id)).toMatchObject({ status: "RUNNING" });
  await client.query("COMMIT");
  await it.log.until("done", 50);
  expect(await queue.rows("SELECT status, attempts, count(*)::int AS n FROM jobs GROUP BY 1, 2")).toEqual([
    { status: "DONE", attempts: 1, n: 50 },
  ]);
});
