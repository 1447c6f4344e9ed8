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
