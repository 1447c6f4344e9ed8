import { beforeEach, expect, test } from "vitest";

import type { ListOptions } from "../../src/core/operations/list.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;
beforeEach(() => queue.rows("TRUNCATE jobs RESTART IDENTITY"));

/** Ids of every page, one list each. */
async function pages(options: ListOptions): Promise<string[][]> {
  const all: string[][] = [];
  for (let beforeId: string | undefined; ;) {
    const { jobs, next } = await store.page({ ...options, beforeId });
    all.push(jobs.map(({ id }) => id));
    if (next === null) return all;
    beforeId = next;
  }
}

/** What the table has of it, newest first. */
async function ids(where: string): Promise<string[]> {
  const rows = await queue.rows(`SELECT id::text FROM jobs WHERE ${where} ORDER BY jobs.id DESC`);
  return rows.map(({ id }) => String(id));
}

/** Of 12,000 jobs in four types one in a hundred is FAILED, half of the rest READY, and DONE the others; 17 are CANCELLED. */
const MIXED = `
INSERT INTO jobs (job_type, status)
SELECT 't' || n % 4,
       (CASE WHEN n % 700 = 0 THEN 'CANCELLED' WHEN n % 100 = 0 THEN 'FAILED' WHEN n % 2 = 0 THEN 'READY' ELSE 'DONE' END)::job_status
  FROM generate_series(1, 12000) n`;

test.for<[ListOptions, string]>([
  [{}, "true"],
  [{ types: ["t1", "none"] }, "job_type = 't1'"],
  [{ statuses: ["DONE"], types: ["t1"] }, "status = 'DONE' AND job_type = 't1'"],
  [{ statuses: ["READY"] }, "status = 'READY'"],
  [{ statuses: ["READY"], types: ["t2"] }, "status = 'READY' AND job_type = 't2'"],
  [{ statuses: ["FAILED"] }, "status = 'FAILED'"],
  [{ statuses: ["FAILED"], types: ["t0", "t0", "none"] }, "status = 'FAILED' AND job_type = 't0'"],
  [{ statuses: ["CANCELLED"] }, "status = 'CANCELLED'"],
  [{ statuses: ["CANCELLED", "FAILED", "READY", "RUNNING"] }, "status <> 'DONE'"],
  [{ statuses: ["FAILED", "DONE"] }, "status IN ('FAILED', 'DONE')"],
  [{ statuses: [] }, "false"],
  [{ types: [] }, "false"],
  [{ ids: [] }, "false"],
])("the pages of %j have each job once, the newest first", { timeout: 120_000 }, async ([options, where]) => {
  await queue.rows(MIXED);
  const found = await pages({ ...options, limit: 1_000 });
  expect(found.flat()).toEqual(await ids(where));
});

test("a page says where the next begins, also one that found nothing, and the last that it is the last", async () => {
  await queue.rows("INSERT INTO jobs (job_type) VALUES ('rare')");
  await queue.rows("INSERT INTO jobs (job_type, status) SELECT 'a', 'DONE' FROM generate_series(1, 12000)");
  const first = await store.page({ types: ["rare"] });
  expect(first).toEqual({ jobs: [], next: "10002" });
  expect(await pages({ types: ["rare"] })).toEqual([[], [], [], [], [], [], ["1"]]);
  expect(await store.page({ limit: 2 })).toMatchObject({
    jobs: [{ id: "12001" }, { id: "12000" }],
    next: "12000",
  });
  expect(await store.page({ beforeId: "1" })).toEqual({ jobs: [], next: null });
});

test(
  "FAILED jobs of a time are found behind more others than a page looks at",
  { timeout: 120_000 },
  async () => {
    await queue.rows(`
INSERT INTO jobs (job_type, status, updated_at)
SELECT CASE n % 2 WHEN 0 THEN 'all' ELSE 'RUNNING' END, 'FAILED', now() - CASE WHEN n = 2 THEN interval '1 min' ELSE interval '1 day' END
  FROM generate_series(1, 12000) n`);
    const since = new Date(Date.now() - 3_600_000);
    expect((await pages({ statuses: ["FAILED"], since })).flat()).toEqual(["2"]);
  },
);

test("FAILED jobs of more types than are looked at one by one are listed all the same", async () => {
  await queue.rows(
    "INSERT INTO jobs (job_type, status) SELECT 't' || n % 400, 'FAILED' FROM generate_series(1, 5000) n",
  );
  expect((await pages({ statuses: ["FAILED"] })).flat()).toEqual(await ids("true"));
});

test("a list has only the ids that were asked for, and of them those that meet the other conditions", async () => {
  const [a, b, c] = [
    await queue.insert(),
    await queue.insert({ job_type: "'b'" }),
    await queue.insert({ status: "'DONE'" }),
  ];
  const listed = async (options: ListOptions): Promise<string[]> =>
    (await store.list(options)).map(({ id }) => id);
  expect(await listed({ ids: [a, c, "999"] })).toEqual([c, a]);
  expect(await listed({ ids: [a, b, c], types: ["b"] })).toEqual([b]);
  expect(await listed({ ids: [a, b, c], statuses: ["DONE"] })).toEqual([c]);
  expect(await listed({ ids: [a, b, c], beforeId: b })).toEqual([a]);
});

test("the job that is active under a dedupe key is found behind any backlog", async () => {
  const active = await queue.insert({ dedupe_key: "'k'" });
  await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, 12000)");
  const page = await store.page({ dedupeKey: "k", statuses: ["READY", "RUNNING"] });
  expect(page).toMatchObject({ jobs: [{ id: active }], next: null });
});

test("a dedupe key finds the job that is active under it, and those that have ended", async () => {
  const ended = await queue.insert({ dedupe_key: "'k'", status: "'DONE'" });
  const active = await queue.insert({ dedupe_key: "'k'" });
  await queue.insert({ dedupe_key: "'other'" });
  const listed = async (options: ListOptions): Promise<string[]> =>
    (await store.list(options)).map(({ id }) => id);
  expect(await listed({ dedupeKey: "k" })).toEqual([active, ended]);
  expect(await listed({ dedupeKey: "k", statuses: ["READY", "RUNNING"] })).toEqual([active]);
  expect(await listed({ dedupeKey: "k", statuses: ["RUNNING"] })).toEqual([]);
});

test("what an option may not be is refused by name", async () => {
  await expect(store.page({ ids: ["x"] })).rejects.toThrow(/ids/);
  await expect(store.page({ ids: Array.from({ length: 1_001 }, () => "1") })).rejects.toThrow(/ids/);
  await expect(store.page({ since: new Date(Number.NaN) })).rejects.toThrow(/since/);
});
