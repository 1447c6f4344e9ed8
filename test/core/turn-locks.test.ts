import { expect, test } from "vitest";

import type { Fence } from "../../src/core/job.ts";
import type { Settlement } from "../../src/core/turn/settlement.ts";
import { pickUpOf, pickUpOne, testQueue, type TestStore } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const done = (job: Fence): Settlement => ({ job, durationMs: 1, outcome: "done", resultText: null });
const released = (job: Fence): Settlement => ({ job, durationMs: null, outcome: "release" });

/** Runs `work` while another session's open transaction has locked that row. */
async function whileLocked<T>(id: string, work: () => Promise<T>, lock = "FOR UPDATE"): Promise<T> {
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query(`SELECT FROM jobs WHERE id = $1 ${lock}`, [id]);
  try {
    return await work();
  } finally {
    await client.query("ROLLBACK");
  }
}

/** Three running jobs of this session's; the second is the one to be locked. */
async function threeJobs(): Promise<readonly [Fence, Fence, Fence]> {
  for (let n = 0; n < 3; n += 1) await queue.insert();
  const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: 3 }) });
  const [first, second, third] = jobs;
  if (first === undefined || second === undefined || third === undefined) throw new Error("too few jobs");
  return [first, second, third];
}

test.for([
  ["settled", done, "DONE"],
  ["released", released, "READY"],
] as const)(
  "of a batch of which one row is locked the others are %s, and that one is busy",
  async ([, end, status]) => {
    const jobs = await threeJobs();
    const request = { settlements: jobs.map(end) };
    const { settlements } = await whileLocked(jobs[1].id, () => store.turn(request));
    expect(settlements).toMatchObject([
      { verdict: "settled", status },
      { verdict: "busy", status: null },
      { verdict: "settled", status },
    ]);
    const again = await store.turn(request);
    expect(again.settlements.map(({ verdict }) => verdict)).toEqual(["already", "settled", "already"]);
  },
);

test("of a batch of which one row is locked the others are extended, and that one is busy", async () => {
  const jobs = await threeJobs();
  const answers = await whileLocked(jobs[1].id, () => store.extend(jobs, 60_000));
  const verdicts = new Map(answers.map(({ id, verdict }) => [id, verdict]));
  expect(jobs.map(({ id }) => verdicts.get(id))).toEqual(["extended", "busy", "extended"]);
});

test("an open upsert of one row, as the Python package enqueues, delays no other row", async () => {
  const jobs = await threeJobs();
  await queue.rows("UPDATE jobs SET dedupe_key = 'k' WHERE id = $1", [jobs[1].id]);
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query(
    `INSERT INTO jobs (job_type, dedupe_key) VALUES ('a', 'k')
     ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('READY', 'RUNNING')
     DO UPDATE SET updated_at = now()`,
  );
  const { settlements } = await store.turn({ settlements: jobs.map(done) });
  expect(settlements.map(({ verdict }) => verdict)).toEqual(["settled", "busy", "settled"]);
  await client.query("COMMIT");
  expect((await store.turn({ settlements: [done(jobs[1])] })).settlements).toMatchObject([
    { verdict: "settled" },
  ]);
});

test("a reap leaves a locked row to the next one", async () => {
  const jobs = await threeJobs();
  await queue.rows("UPDATE jobs SET lease_expires_at = now()");
  const reap = { defaultTimeoutSeconds: 1_200 };
  const { reaped } = await whileLocked(jobs[1].id, () => store.turn({ reap }));
  expect(reaped.map(({ id }) => id)).toEqual([jobs[0].id, jobs[2].id]);
  expect((await store.turn({ reap })).reaped.map(({ id }) => id)).toEqual([jobs[1].id]);
});

test("a pick-up takes what nobody has locked, and waits for nothing", async () => {
  const [first, second] = [await queue.insert(), await queue.insert()];
  const { jobs } = await whileLocked(first, () => store.turn({ pickUp: pickUpOf({ slots: 5 }) }));
  expect(jobs.map(({ id }) => id)).toEqual([second]);
});

test("`contended` says that a due job is locked by somebody else, and only that", async () => {
  const turn = (): Promise<unknown> => store.turn({ pickUp: pickUpOf() });
  expect(await turn()).toMatchObject({ contended: false });
  await queue.insert({ run_after: "now() + interval '1 hour'" });
  await queue.insert({ job_type: "'b'" });
  expect(await turn()).toMatchObject({ contended: false, more: false });
  const id = await queue.insert();
  expect(await whileLocked(id, turn)).toMatchObject({ contended: true, jobs: [], more: false });
  expect(await turn()).toMatchObject({ contended: false, jobs: [{ id }] });
  expect(await whileLocked(id, turn)).toMatchObject({ contended: false, jobs: [] });
});

test("a job that another session is just inserting is neither due nor contended", async () => {
  const { client } = await queue.session();
  await client.query("BEGIN; INSERT INTO jobs (job_type) VALUES ('a')");
  const answer = await store.turn({ pickUp: pickUpOf() });
  expect(answer).toMatchObject({ jobs: [], contended: false, more: false, nextDueInMs: null });
  await client.query("ROLLBACK");
});

test("two pick-ups at once share the backlog: no overlap, and the second waits for nothing", async () => {
  const ids = [];
  for (let n = 0; n < 10; n += 1) ids.push(await queue.insert());
  const { store: other, client } = await queue.session();
  await client.query("BEGIN");
  const theirs = await other.turn({ pickUp: pickUpOf({ slots: 4 }) });
  const ours = await store.turn({ pickUp: pickUpOf({ slots: 10 }) });
  await client.query("COMMIT");
  // The other turn holds five locks: one more than it wanted tells it that there is more.
  expect(theirs.jobs.map(({ id }) => id)).toEqual(ids.slice(0, 4));
  expect(ours.jobs.map(({ id }) => id)).toEqual(ids.slice(5));
  expect((await store.turn({ pickUp: pickUpOf() })).jobs.map(({ id }) => id)).toEqual([ids[4]]);
});

test("one job is picked up by one of two turns that run at once", async () => {
  await queue.insert();
  const { store: other } = await queue.session();
  const request = (): Parameters<typeof store.turn>[0] => ({ pickUp: pickUpOf() });
  const answers = await Promise.all([store.turn(request()), other.turn(request())]);
  expect(answers.flatMap(({ jobs }) => jobs)).toHaveLength(1);
});

test("settling one job waits for nobody: it is tried again, then says that nothing was written", async () => {
  await queue.insert();
  const job = await pickUpOne(store);
  const settling = whileLocked(job.id, () => store.markDone(job));
  await expect(settling).rejects.toThrow(/is locked by another transaction: nothing was written/);
  expect(await store.markDone(job)).toMatchObject({ verdict: "settled" });
});

/** A session whose turns are counted, and which lets a rival go after so many. */
async function counting(
  letGoAfter: number,
  letGo: () => Promise<unknown>,
): Promise<{ readonly own: TestStore; readonly turns: () => number }> {
  let turns = 0;
  const { store: own } = await queue.session({
    between: (executor) => ({
      ...executor,
      query: async (text, params, options) => {
        turns += 1;
        const rows = await executor.query(text, params, options);
        if (turns === letGoAfter) await letGo();
        return rows;
      },
    }),
  });
  return { own, turns: () => turns };
}

test("pickup looks again where a rival's pick-up has locked more than it takes", async () => {
  const [, left] = [await queue.insert(), await queue.insert()];
  const { client, store: rival } = await queue.session();
  await client.query("BEGIN");
  expect(await rival.pickup({ types: ["a"] })).toHaveLength(1);
  const { own, turns } = await counting(3, () => client.query("COMMIT"));
  expect(await own.pickup({ types: ["a"] })).toMatchObject([{ id: left }]);
  expect(turns()).toBe(4);
});

test("pickup gives up a job that stays locked after ten looks", async () => {
  const id = await queue.insert();
  const { own, turns } = await counting(0, () => Promise.resolve());
  expect(await whileLocked(id, () => own.pickup({ types: ["a"] }))).toEqual([]);
  expect(turns()).toBe(10);
});

test("pickup that a lock on the table has held up for half of its lease looks again, and has a whole one", async () => {
  const id = await queue.insert();
  const [lock, own] = [await queue.session(), await queue.session()];
  await lock.client.query("BEGIN; LOCK TABLE jobs IN SHARE MODE");
  const picking = own.store.pickup({ types: ["a"], leaseMs: 200 });
  await queue.blocked(own.pid);
  await lock.client.query("SELECT pg_sleep(0.1)");
  const [{ before } = {}] = (await lock.client.query("SELECT clock_timestamp()::text AS before"))
    .rows as Record<string, string>[];
  await lock.client.query("COMMIT");
  expect(await picking).toMatchObject([{ id }]);
  const [row] = await queue.rows("SELECT locked_at >= $1::timestamptz AS later FROM jobs", [before]);
  expect(row).toEqual({ later: true });
});
