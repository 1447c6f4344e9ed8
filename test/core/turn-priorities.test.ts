import { expect, test } from "vitest";

import { tableNames } from "../../src/core/sql/table-names.ts";
import { turnStatement } from "../../src/core/turn/turn-statement.ts";
import { turnText } from "../../src/core/turn/turn-text.ts";
import { pagesOf } from "../support/plan.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";

const queue = await testQueue();

const ids = ({ jobs }: { jobs: readonly { id: string }[] }): string[] => jobs.map(({ id }) => id);

/** Planned jobs of so many priorities above the usual one. */
async function plan(priorities: number): Promise<void> {
  await queue.rows(
    "INSERT INTO jobs (job_type, priority, run_after) SELECT 'a', n, now() + interval '1 hour' FROM generate_series(1, $1) n",
    [priorities],
  );
  await queue.rows("VACUUM ANALYZE jobs");
}

test("an empty look costs no more where jobs are planned in 20,000 priorities than where in 2,000", async () => {
  const { client } = await queue.session();
  const pages = (depth: "shallow" | "deep"): Promise<number> =>
    pagesOf(
      client,
      turnStatement((scope) => turnText(tableNames(), { scope, depth }), { pickUp: pickUpOf({ slots: 10 }) }),
    );
  await plan(2_000);
  const few = [await pages("shallow"), await pages("deep")] as const;
  await queue.rows("TRUNCATE jobs");
  await plan(20_000);
  const many = [await pages("shallow"), await pages("deep")] as const;
  expect(many[0]).toBeLessThan(1.5 * few[0] + 100);
  // The first look of a store walks; those after it find priorities by what is due.
  expect(many[0]).toBeLessThan(8_000);
  expect(many[1]).toBeLessThan(100);
});

test.for([-5, 0, 7, 700])(
  "a job of priority %d that is due below hundreds of planned ones is found by the second look, and by each thereafter",
  async (priority) => {
    await plan(1_000);
    const { store } = await queue.session();
    const first = await queue.insert({ priority: String(priority) });
    const looks = [];
    for (let n = 0; n < 2; n += 1) looks.push(await store.turn({ pickUp: pickUpOf({ slots: 5 }) }));
    expect(looks.flatMap(ids)).toEqual([first]);
    // Whoever is told that there is more looks again at once.
    expect(looks[0]).toMatchObject({ more: true });
    const second = await queue.insert({ priority: String(priority) });
    expect(ids(await store.turn({ pickUp: pickUpOf({ slots: 5 }) }))).toEqual([second]);
    expect(await store.turn({ pickUp: pickUpOf({ slots: 5 }) })).toMatchObject({ jobs: [], more: false });
  },
);

test("pickup finds it, too", async () => {
  await plan(1_000);
  const { store } = await queue.session();
  const id = await queue.insert();
  expect(ids({ jobs: await store.pickup({ types: ["a"] }) })).toEqual([id]);
});

test("where priorities are found by what is due, all comes in the exact order", async () => {
  await plan(500);
  await queue.rows(
    `INSERT INTO jobs (job_type, priority, run_after)
     SELECT 'ab', 0, now() UNION ALL
     SELECT CASE WHEN n % 3 = 0 THEN 'b' ELSE 'a' END, (random() * 1200 - 600)::int, now() - (random() * 5)::int * interval '1 s'
       FROM generate_series(1, 600) n`,
  );
  const due = await queue.rows(
    "SELECT id::text FROM jobs WHERE run_after <= now() AND job_type <> 'ab' ORDER BY priority DESC, run_after, jobs.id",
  );
  const { store } = await queue.session();
  const picked: string[] = [];
  for (let more = true; more;) {
    const answer = await store.turn({ pickUp: pickUpOf({ types: ["a", "b"], slots: 10, buffer: 30 }) });
    picked.push(...ids(answer));
    ({ more } = answer);
  }
  expect(picked).toEqual(due.map(({ id }) => id));
});

test("where more is due than priorities are taken from, below more priorities than are walked, each job is picked up all the same", async () => {
  await plan(400);
  await queue.rows(
    "INSERT INTO jobs (job_type, priority) SELECT 'a', -(n % 700) FROM generate_series(0, 2999) n",
  );
  const { store } = await queue.session();
  const picked = new Set<string>();
  for (let more = true; more;) {
    const answer = await store.turn({ pickUp: pickUpOf({ slots: 100, buffer: 300 }) });
    for (const id of ids(answer)) picked.add(id);
    ({ more } = answer);
  }
  expect(picked.size).toBe(3_000);
});

test("a look that finds priorities by what is due says when the next is due, and what somebody has locked", async () => {
  await plan(300);
  const { store } = await queue.session();
  const turn = (): Promise<unknown> => store.turn({ pickUp: pickUpOf() });
  await turn();
  const inAnHour = expect.closeTo(3_600_000, -5) as number;
  expect(await turn()).toMatchObject({ more: false, contended: false, nextDueInMs: inAnHour });
  await queue.insert({ run_after: "now() + interval '10 minutes'" });
  expect(await turn()).toMatchObject({ nextDueInMs: expect.closeTo(600_000, -5) as number });
  await queue.insert({ priority: "-1", run_after: "now() + interval '5 minutes'" });
  expect(await turn()).toMatchObject({ nextDueInMs: expect.closeTo(300_000, -5) as number });
  const id = await queue.insert({ priority: "3" });
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query("SELECT FROM jobs WHERE id = $1 FOR UPDATE", [id]);
  expect(await turn()).toMatchObject({ jobs: [], more: false, contended: true });
});
