import { expect, test } from "vitest";

import { tableNames } from "../../src/core/sql/table-names.ts";
import { turnText } from "../../src/core/turn/turn-text.ts";
import { turnStatement } from "../../src/core/turn/turn-statement.ts";
import { planOf } from "../support/plan.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const ids = ({ jobs }: { jobs: readonly { id: string }[] }): string[] => jobs.map(({ id }) => id);

test("a pick-up goes on behind the last job of each lane, exact to the microsecond", async () => {
  await queue.rows(
    `INSERT INTO jobs (job_type, priority, run_after)
     SELECT 'a', n % 2, timestamptz '2020-01-01' + n / 4 * interval '1 microsecond' FROM generate_series(1, 40) n`,
  );
  const inOrder = await queue.rows("SELECT id::text FROM jobs ORDER BY priority DESC, run_after, jobs.id");
  const first = await store.turn({ pickUp: pickUpOf({ slots: 23 }) });
  expect(first.lanes).toMatchObject([{ priority: 1 }, { priority: 0 }]);
  const second = await store.turn({ pickUp: pickUpOf({ slots: 17, lanes: first.lanes }) });
  expect([...ids(first), ...ids(second)]).toEqual(inOrder.map(({ id }) => id));
});

test("jobs that have been due for ever are gone on behind too", async () => {
  await queue.rows(
    "INSERT INTO jobs (job_type, run_after) SELECT 'a', '-infinity' FROM generate_series(1, 4)",
  );
  const first = await store.turn({ pickUp: pickUpOf({ slots: 2 }) });
  const second = await store.turn({ pickUp: pickUpOf({ slots: 2, lanes: first.lanes }) });
  expect(second.jobs).toHaveLength(2);
});

test("one that goes on sees neither what came in front of it nor other lanes, and says that there may be more", async () => {
  await queue.insert({ run_after: "'2020-01-02'" });
  const { lanes } = await store.turn({ pickUp: pickUpOf({ slots: 1 }) });
  const behind = await queue.insert({ run_after: "'2020-01-03'" });
  const front = await queue.insert({ run_after: "'2020-01-01'" });
  const urgent = await queue.insert({ priority: "5" });
  const other = await queue.insert({ job_type: "'b'" });
  const humble = await queue.insert({ priority: "-1" });
  await queue.insert({ run_after: "now() + interval '1 hour'" });
  const types = ["a", "b"];
  const onwards = await store.turn({ pickUp: pickUpOf({ types, slots: 9, lanes }) });
  expect(ids(onwards)).toEqual([behind]);
  expect(onwards).toMatchObject({ more: true, contended: false, nextDueInMs: null });
  const all = await store.turn({ pickUp: pickUpOf({ types, slots: 9 }) });
  expect(ids(all)).toEqual([urgent, front, other, humble]);
  expect(all.more).toBe(false);
});

test("lanes that something was passed over in are gone on in from before it, and those of nothing due are not", async () => {
  const due = (days: number): string => `now() - interval '${days} days'`;
  for (const days of [9, 8, 6]) await queue.insert({ job_type: "'a'", run_after: due(days) });
  const passed = await queue.insert({ job_type: "'b'", run_after: due(7) });
  const humble = await queue.insert({ job_type: "'b'", priority: "-1", run_after: due(9) });
  await queue.insert({ job_type: "'c'", run_after: "now() + interval '1 hour'" });
  const types = ["a", "b", "c"];
  const { jobs, lanes } = await store.turn({ pickUp: pickUpOf({ types, slots: 2 }) });
  expect(lanes).toMatchObject([
    { type: "a", priority: 0, afterId: jobs[1]?.id },
    { type: "b", priority: -1, afterId: String(Number(humble) - 1) },
    { type: "b", priority: 0, afterId: String(Number(passed) - 1) },
  ]);
  const onwards = ids(await store.turn({ pickUp: pickUpOf({ types, slots: 9, lanes }) }));
  expect([onwards[0], onwards.at(-1)]).toEqual([passed, humble]);
  expect(onwards).toHaveLength(3);
});

test("while a snapshot is held, it does not walk over what was picked up before", async () => {
  const { client: holder } = await queue.session();
  const { client } = await queue.session();
  await queue.rows("ALTER TABLE jobs SET (autovacuum_enabled = off)");
  await queue.rows(
    "INSERT INTO jobs (job_type, payload) SELECT 'a', jsonb_build_object('n', repeat('x', 900)) FROM generate_series(1, 6000)",
  );
  await queue.rows("VACUUM ANALYZE jobs");
  await holder.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await holder.query("SELECT count(*) FROM jobs");
  let { lanes } = await store.turn({ pickUp: pickUpOf({ slots: 1_000 }) });
  for (let n = 0; n < 4; n += 1)
    ({ lanes } = await store.turn({ pickUp: pickUpOf({ slots: 1_000, lanes }) }));
  const buffersOf = async (from: typeof lanes | undefined): Promise<number> => {
    const { text, params } = turnStatement((scope) => turnText(tableNames(), { scope }), {
      pickUp: pickUpOf({ slots: 1, lanes: from }),
    });
    await client.query("BEGIN");
    const { rows } = await client.query<{ "QUERY PLAN": { Plan: Record<string, number> }[] }>(
      `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${text}`,
      [...params],
    );
    await client.query("ROLLBACK");
    return rows[0]?.["QUERY PLAN"][0]?.Plan["Shared Hit Blocks"] ?? Infinity;
  };
  const [onwards, anew] = [await buffersOf(lanes), await buffersOf(undefined)];
  await holder.query("ROLLBACK");
  // It takes two walks: for the first priority, and in its lane.
  expect(anew).toBeGreaterThan(1_000);
  expect(onwards).toBeLessThan(anew / 4);
});

test("its plan scans no table and sorts no backlog, prepared or not", async () => {
  const { client } = await queue.session();
  await queue.rows(
    "INSERT INTO jobs (job_type, priority) SELECT 'a', n % 3 FROM generate_series(1, 50000) n",
  );
  const { lanes } = await store.turn({ pickUp: pickUpOf({ slots: 100 }) });
  const request = { pickUp: pickUpOf({ slots: 100, lanes }) };
  for (const analyze of [false, true]) {
    if (analyze) await queue.rows("VACUUM ANALYZE jobs");
    for (const generic of [false, true]) {
      const steps = await planOf(
        client,
        turnStatement((scope) => turnText(tableNames(), { scope }), request),
        generic,
      );
      expect(steps.filter(({ type, of }) => type.includes("Seq Scan") && of === "jobs")).toEqual([]);
      expect(Math.max(...steps.map(({ rows }) => rows))).toBeLessThan(1_000);
    }
  }
});
