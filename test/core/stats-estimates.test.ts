import { beforeEach, expect, test } from "vitest";

import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;
beforeEach(() => queue.rows("TRUNCATE jobs RESTART IDENTITY"));

/** Within a third: a sample of 64 pages. */
const near = (count: number): unknown => ({
  asymmetricMatch: (found: unknown) => Number(found) > count / 1.5 && Number(found) < count * 1.5,
});

/** A tenth of them is of type `b`, a hundredth FAILED. */
const FINISHED = `
INSERT INTO jobs (job_type, status)
SELECT CASE WHEN n % 10 = 0 THEN 'b' ELSE 'a' END, (CASE WHEN n % 100 = 1 THEN 'FAILED' ELSE 'DONE' END)::job_status
  FROM generate_series(1, 50000) n`;

test("a small table is counted, in every state", async () => {
  await queue.rows("INSERT INTO jobs (job_type, status) SELECT 'a', 'DONE' FROM generate_series(1, 1000)");
  await queue.insert({ run_after: "now() - interval '1 hour'" });
  expect(await store.stats()).toMatchObject({ about: [], counts: { DONE: 1_000, READY: 1 }, due: 1 });
});

test.for(["never analyzed", "analyzed"])(
  "of a large table, %s, the DONE jobs are about so many, and what else there is is counted",
  { timeout: 120_000 },
  async (statistics) => {
    await queue.rows(FINISHED);
    if (statistics === "analyzed") await queue.rows("ANALYZE jobs");
    for (const after of ["now() - interval '1 hour'", "now() + interval '1 hour'"]) {
      await queue.insert({ run_after: after });
    }
    const lease = { locked_by: "'w'", lease_holder: "'w'", lease_expires_at: "now() - interval '1 s'" };
    await queue.insert({ ...lease, status: "'RUNNING'" });
    const stats = await store.stats();
    expect(stats).toMatchObject({
      about: ["DONE"],
      counts: { READY: 2, RUNNING: 1, FAILED: 500, CANCELLED: 0, DONE: near(49_500) },
      types: { a: { FAILED: 500, DONE: near(44_500) }, b: { DONE: near(5_000) } },
      due: 1,
      leasesEnded: 1,
    });
    expect(stats.oldestDueSeconds).toBeGreaterThanOrEqual(3_600);
    expect(await store.stats()).toMatchObject({ counts: stats.counts });
  },
);

test("of a large backlog READY and due are about so many, and the oldest has waited at least so long", async () => {
  await queue.rows(`
INSERT INTO jobs (job_type, priority, run_after)
SELECT 't' || n % 3, n % 5, now() - interval '1 hour' + n * CASE WHEN n % 2 = 0 THEN interval '1 min' ELSE interval '1 ms' END
  FROM generate_series(1, 50000) n`);
  const stats = await store.stats();
  expect(stats).toMatchObject({
    counts: { READY: near(50_000) },
    types: { t2: { READY: near(16_667) } },
    due: near(25_000),
  });
  expect(stats.about.toSorted()).toEqual(["DONE", "READY"]);
  expect(stats.oldestDueSeconds).toBeGreaterThan(3_500);
  expect(stats.oldestDueSeconds).toBeLessThan(3_900);
});
