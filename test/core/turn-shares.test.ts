import { expect, test } from "vitest";

import { pickUpOf, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const TYPES = Array.from({ length: 12 }, (_, n) => `t${n}`);
const ids = ({ jobs }: { jobs: readonly { id: string }[] }): string[] => jobs.map(({ id }) => id);

async function idsInOrder(): Promise<unknown[]> {
  const rows = await queue.rows("SELECT id::text FROM jobs ORDER BY priority DESC, run_after, jobs.id");
  return rows.map(({ id }) => id);
}

test.for([
  ["their types in turn", "t", "n % 12", "0"],
  ["one type after the other", "t", "n / 30", "0"],
  ["few types before many", "t", "CASE WHEN n < 200 THEN n % 2 ELSE n % 12 END", "0"],
  ["priorities at random", "t", "(random() * 11)::int", "(random() * 5)::int"],
] as const)(
  "pick-ups by shares come in the exact order over all types, whatever the shares: %s",
  async ([, prefix, type, priority]) => {
    await queue.rows(
      `INSERT INTO jobs (job_type, priority, run_after)
       SELECT '${prefix}' || ${type}, ${priority}, now() - (random() * 20)::int * interval '1 s'
         FROM generate_series(0, 359) n`,
    );
    const inOrder = await idsInOrder();
    const picked: string[] = [];
    for (let round = 0; ; round += 1) {
      const shares = TYPES.map((_, n) => ((round + n) % 5 === 0 ? undefined : 2 + ((round * n) % 9)));
      const answer = await store.turn({ pickUp: pickUpOf({ types: TYPES, slots: 10, buffer: 30, shares }) });
      picked.push(...ids(answer));
      if (!answer.more) break;
      // However small they are, each gets somewhere.
      expect(answer.jobs.length).toBeGreaterThan(0);
    }
    expect(picked).toEqual(inOrder);
  },
);

test("lanes that are gone on in by shares keep the order among them", async () => {
  await queue.rows(
    "INSERT INTO jobs (job_type, priority) SELECT 't' || n % 3, n % 2 FROM generate_series(1, 120) n",
  );
  const inOrder = await idsInOrder();
  const types = TYPES.slice(0, 3);
  let { jobs, lanes } = await store.turn({ pickUp: pickUpOf({ types, slots: 6 }) });
  const picked = ids({ jobs });
  while (picked.length < 100) {
    const shares = lanes.map(({ priority }) => (priority === 1 ? 4 : 2));
    ({ jobs, lanes } = await store.turn({ pickUp: pickUpOf({ types, slots: 20, lanes, shares }) }));
    if (jobs.length === 0) ({ jobs, lanes } = await store.turn({ pickUp: pickUpOf({ types, slots: 20 }) }));
    picked.push(...ids({ jobs }));
  }
  expect(picked).toEqual(inOrder.slice(0, picked.length));
});

test("a share that is full says that there is more", async () => {
  for (let n = 0; n < 2; n += 1) await queue.insert();
  const turn = async (): Promise<unknown> => {
    const { jobs, more } = await store.turn({ pickUp: pickUpOf({ slots: 9, shares: [2] }) });
    return [jobs.length, more];
  };
  expect([await turn(), await turn(), await turn()]).toEqual([
    [1, true],
    [1, false],
    [0, false],
  ]);
});

test("of each type no more is locked than its share", async () => {
  await queue.rows("INSERT INTO jobs (job_type) SELECT 't' || n % 12 FROM generate_series(1, 240) n");
  const { store: rival, client } = await queue.session();
  await client.query("BEGIN");
  const shares = TYPES.map(() => 3);
  const theirs = await rival.turn({ pickUp: pickUpOf({ types: TYPES, slots: 20, shares }) });
  const ours = await store.turn({ pickUp: pickUpOf({ types: TYPES, slots: 240 }) });
  await client.query("ROLLBACK");
  expect(theirs.jobs).toHaveLength(20);
  expect(ours.jobs).toHaveLength(240 - 12 * 3);
});
