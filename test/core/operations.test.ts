import { expect, test } from "vitest";

import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const finished = (): Promise<string> =>
  queue.insert({ status: "'DONE'", finished_at: "now() - interval '1 hour'" });

test("a prune leaves a job that somebody has locked to the next one, and waits for nothing", async () => {
  const [locked, free] = [await finished(), await finished()];
  const { client } = await queue.session();
  await client.query(`BEGIN; SELECT FROM jobs WHERE id = ${locked} FOR UPDATE`);
  expect(await store.prune({ olderThanSeconds: 60 })).toEqual({ deleted: 1, more: false });
  expect([await store.get(locked), await store.get(free)]).toMatchObject([{ id: locked }, null]);
});

test("a prune that can't delete all deletes the jobs that were enqueued first", async () => {
  const [first, second] = [await finished(), await finished()];
  // The first row is now behind the second in the table.
  await queue.rows("UPDATE jobs SET result = '1' WHERE id = $1", [first]);
  expect(await store.prune({ olderThanSeconds: 60, limit: 1 })).toEqual({ deleted: 1, more: true });
  expect([await store.get(first), await store.get(second)]).toMatchObject([null, { id: second }]);
});

test("stats count as ended the leases that hold a running job, and none that is only left in a row", async () => {
  const lease = { locked_by: "'w#1'", lease_expires_at: "now() - interval '1 s'" };
  await queue.insert({ ...lease, status: "'RUNNING'", lease_holder: "'w#1'" });
  await queue.insert({ ...lease, status: "'RUNNING'", lease_holder: "'w#2'" }); // A Python worker's, after one of ours.
  await queue.insert({ ...lease, status: "'DONE'", lease_holder: "'w#1'" }); // Ended by hand.
  const live = { ...lease, lease_expires_at: "now() + interval '1 hour'" };
  await queue.insert({ ...live, status: "'RUNNING'", lease_holder: "'w#1'" });
  expect(await store.stats()).toMatchObject({ leasesEnded: 1 });
});

test("stats tell how long a job has been due, whatever job is due since ever", async () => {
  await queue.insert({ run_after: "'-infinity'" });
  await queue.insert({ run_after: "now() - interval '1 hour'" });
  const { due, oldestDueSeconds } = await store.stats();
  expect(due).toBe(2);
  expect(oldestDueSeconds).toBeGreaterThanOrEqual(3_600);
  expect(oldestDueSeconds).toBeLessThan(3_900);
});

test("stats count as due neither what is finished nor what is due later", async () => {
  await queue.insert({ run_after: "now() + interval '1 hour'" });
  await queue.insert({ status: "'DONE'" });
  expect(await store.stats()).toMatchObject({ due: 0, oldestDueSeconds: null });
});

test("a prune leaves what is not finished, what finished later, and the states that weren't asked for", async () => {
  await queue.insert({ finished_at: "now() - interval '1 hour'" }); // Put back by hand.
  await queue.insert({ status: "'DONE'", finished_at: "now()" });
  await queue.insert({ status: "'FAILED'", finished_at: "now() - interval '1 hour'" });
  await finished();
  const prune = { olderThanSeconds: 60, statuses: ["DONE", "CANCELLED"] } as const;
  expect(await store.prune(prune)).toEqual({ deleted: 1, more: false });
});

test("a list has what was asked for: states, types and what came before an id, the newest first", async () => {
  const [a, b, done] = [
    await queue.insert(),
    await queue.insert({ job_type: "'b'" }),
    await queue.insert({ status: "'DONE'" }),
  ];
  const listed = async (options: Parameters<typeof store.list>[0]): Promise<string[]> =>
    (await store.list(options)).map(({ id }) => id);
  expect(await listed({})).toEqual([done, b, a]);
  expect(await listed({ limit: 2 })).toEqual([done, b]);
  expect(await listed({ beforeId: b })).toEqual([a]);
  expect(await listed({ types: ["b"] })).toEqual([b]);
  expect(await listed({ types: ["a", "b"], statuses: ["READY"] })).toEqual([b, a]);
  expect(await listed({ statuses: ["DONE"] })).toEqual([done]);
});

test("stats tells the age of this table, and of no other", async () => {
  const age = async (): Promise<number> => {
    const [row] = await queue.rows(
      "SELECT age(relfrozenxid) AS n FROM pg_class WHERE oid = 'jobs'::regclass",
    );
    return Number(row?.["n"]);
  };
  const before = await age();
  const { tableAge } = await queue.store.stats();
  expect(tableAge).toBeGreaterThanOrEqual(before);
  expect(tableAge).toBeLessThanOrEqual(await age());
});
