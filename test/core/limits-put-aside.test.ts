import { beforeEach, expect, test } from "vitest";

import { defineJob } from "../../src/index.ts";
import { limitedStore, turnOf } from "../support/limits.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

beforeEach(() => queue.rows("TRUNCATE jobs, jobs_limits RESTART IDENTITY"));

/** Inserts jobs of type `a`, one for each key, each due a second after the last; created in the opposite order. */
async function insert(keys: readonly (string | null)[]): Promise<void> {
  await queue.rows(
    `INSERT INTO jobs (job_type, concurrency_key, run_after, created_at)
     SELECT 'a', k, date_trunc('day', now()) - interval '1 day' + n * interval '1 s', date_trunc('day', now()) - interval '2 days' - n * interval '1 s'
       FROM unnest($1::text[]) WITH ORDINALITY AS x(k, n)`,
    [keys],
  );
}

/** The ids of what is READY, each with what has become of its due time, in seconds from the first one's on. */
const waiting = (): Promise<readonly unknown[]> =>
  queue.rows(
    `SELECT id::int AS id, run_after > now() + interval '29 minutes' AS away,
            extract(epoch FROM due_at - (date_trunc('day', now()) - interval '1 day'))::int AS due
       FROM jobs WHERE status = 'READY' ORDER BY id`,
  );

test("what its key has room for stays where it is, where no slot is left for it", async () => {
  const store = await limitedStore(queue, {
    a: defineJob<object>({ concurrency: { perKey: 1, total: 50 } }),
  });
  await insert(["k", "l"]);
  expect((await turnOf(store, { slots: 1 })).jobs.map(({ id }) => id)).toEqual(["1"]);
  expect(await waiting()).toEqual([{ id: 2, away: false, due: null }]);
});

test("where keys take turns all that does not run is put aside once, and keeps the time at which it was due", async () => {
  const store = await limitedStore(queue, { a: defineJob<object>({ concurrency: { order: "turns" } }) });
  await insert(["k", "k", "l", null]);
  const aside = [
    { id: 2, away: true, due: 2 },
    { id: 3, away: true, due: 3 },
    { id: 4, away: false, due: null },
  ];
  expect((await turnOf(store, { slots: 1 })).jobs.map(({ id }) => id)).toEqual(["1"]);
  expect(await waiting()).toEqual(aside);
  const [next] = (await turnOf(store, { slots: 1 })).jobs;
  expect(await waiting()).toEqual(aside.filter(({ id }) => String(id) !== next?.id));
});

test("in strict order what is put aside waits by when it was created", async () => {
  const store = await limitedStore(queue, {
    a: defineJob<object>({ concurrency: { order: "strict", perKey: 1 } }),
  });
  await insert(["k", "k", "k"]);
  expect((await turnOf(store, { slots: 10 })).jobs).toHaveLength(1);
  expect(
    await queue.rows(
      "SELECT count(*)::int AS n, bool_and(due_at = created_at) AS as_created FROM jobs WHERE due_at IS NOT NULL",
    ),
  ).toEqual([{ n: 2, as_created: true }]);
});
