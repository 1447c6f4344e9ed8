import { expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import type { Fence } from "../../src/core/job.ts";
import type { Settlement } from "../../src/core/turn/settlement.ts";
import { PgJobStore } from "../../src/core/store.ts";
import type { TurnRequest } from "../../src/core/turn/turn-request.ts";
import { pickUpOf, pickUpOne, testQueue, type QueueSession, type TestStore } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

/** What its caller has given up by then: the server knows nothing of that. */
const WITHIN_MS = 40;

interface Hold {
  /** Of the lock on the table. @default SHARE, as CREATE INDEX takes it */
  readonly mode?: string;
  /** What comes to wait for it. @default a session of its own */
  readonly own?: QueueSession;
  /** What the lock's holder does once that waits. */
  readonly meanwhile?: (holder: QueueSession) => Promise<unknown>;
}

/** What `work` answers where a lock on the table has kept it waiting for longer than {@link WITHIN_MS}. */
async function heldUp<T>(
  work: (own: TestStore) => Promise<T>,
  { mode = "SHARE", own, meanwhile }: Hold = {},
): Promise<T> {
  const [holder, session] = [await queue.session(), own ?? (await queue.session())];
  await holder.client.query(`BEGIN; LOCK TABLE jobs IN ${mode} MODE`);
  const working = work(session.store);
  await queue.blocked(session.pid);
  await meanwhile?.(holder);
  await holder.client.query("SELECT pg_sleep($1)", [WITHIN_MS / 1_000]);
  await holder.client.query("COMMIT");
  return await working;
}

const reap = { defaultTimeoutSeconds: 1_200 };
const late = (parts: Omit<TurnRequest, "pickUp"> = {}): TurnRequest => ({
  ...parts,
  pickUp: pickUpOf({ slots: 5, withinMs: WITHIN_MS }),
});

test.for([
  ["alone", "SHARE", {}],
  ["alone", "ACCESS EXCLUSIVE", {}],
  ["in a whole turn", "SHARE", { reap }],
] as const)(
  "a pick-up %s that a %s lock has kept for longer than its caller waits takes nothing, and ends nothing",
  async ([, mode, parts]) => {
    const [due, spent] = [await queue.insert({ max_attempts: "1" }), await queue.insert({ attempts: "5" })];
    const before = [await queue.image(due), await queue.image(spent)];
    const answer = await heldUp((own) => own.turn(late(parts)), { mode });
    expect(answer).toMatchObject({ jobs: [], exhausted: [], more: false, contended: true });
    expect([await queue.image(due), await queue.image(spent)]).toEqual(before);
  },
);

test("a named statement that has waited takes nothing either, and takes what is due when it has not", async () => {
  const own = await queue.session();
  const prepared = new PgJobStore(pgExecutor(own.client, { prepare: true }));
  const id = await queue.insert();
  // Planned, and then kept: the clock is asked all the same.
  for (let n = 0; n < 7; n += 1) {
    expect(await heldUp(() => prepared.turn(late()), { own })).toMatchObject({ jobs: [] });
  }
  const inTime = { pickUp: pickUpOf({ withinMs: 60_000 }) };
  expect(await prepared.turn(inTime)).toMatchObject({ jobs: [{ id }] });
});

test("one that goes on behind the last job says that there may be more", async () => {
  await queue.insert();
  const lanes = [{ type: "a", priority: 0, afterDue: "0", afterId: "0" }];
  const pickUp = pickUpOf({ lanes, withinMs: WITHIN_MS });
  expect(await heldUp((own) => own.turn({ pickUp }))).toMatchObject({ jobs: [], more: true });
});

test("a pick-up that was kept for less, or whose caller sets no limit, takes what is due", async () => {
  const id = await queue.insert();
  const patient = (withinMs?: number): TurnRequest => ({ pickUp: pickUpOf({ withinMs }) });
  expect(await heldUp((own) => own.turn(patient(60_000)))).toMatchObject({ jobs: [{ id }] });
  const next = await queue.insert();
  expect(await heldUp((own) => own.turn(patient()))).toMatchObject({ jobs: [{ id: next }] });
});

test("in a transaction that has long been open pickup takes what is due", async () => {
  const id = await queue.insert();
  const { client, store: own } = await queue.session();
  await client.query("BEGIN; SELECT pg_sleep(0.02)");
  expect(await own.with(client).pickup({ types: ["a"], leaseMs: 10 })).toMatchObject([{ id }]);
  await client.query("COMMIT");
  expect(await store.get(id)).toMatchObject({ status: "RUNNING" });
});

const done = (job: Fence): Settlement => ({ job, durationMs: 1, outcome: "done", resultText: null });
const released = (job: Fence): Settlement => ({ job, durationMs: null, outcome: "release" });

test.for([
  ["settlement", done, "DONE", 1],
  ["release", released, "READY", 0],
] as const)(
  "a late %s is carried out while nobody else has the job, though its lease has ended meanwhile",
  async ([, end, status, attempts]) => {
    const id = await queue.insert();
    const job = await pickUpOne(store, { leaseMs: WITHIN_MS / 2 });
    const answer = await heldUp((own) => own.turn({ ...late(), settlements: [end(job)] }));
    expect(answer.settlements).toMatchObject([{ verdict: "settled", status }]);
    // What it put back it has not picked up, being late for that.
    expect(answer.jobs).toEqual([]);
    expect(await store.get(id)).toMatchObject({ status, attempts });
  },
);

test.for([
  ["settlement", done],
  ["release", released],
] as const)("a late %s writes nothing once another attempt has the job", async ([, end]) => {
  const id = await queue.insert();
  const job = await pickUpOne(store, { leaseMs: 0 });
  const answer = await heldUp((own) => own.turn({ settlements: [end(job)] }), {
    meanwhile: async ({ store: successor }) => {
      await successor.reapStale();
      await pickUpOne(successor, { lockedBy: "successor:1" });
    },
  });
  expect(answer.settlements).toMatchObject([{ verdict: "lost" }]);
  expect(await store.get(id)).toMatchObject({ status: "RUNNING", attempts: 2, lockedBy: "successor:1" });
});

test("a late extension is counted from its arrival: it gives no more than it would have given then", async () => {
  await queue.insert();
  const job = await pickUpOne(store, { leaseMs: 0 });
  expect(await heldUp((own) => own.extend([job], WITHIN_MS))).toMatchObject([{ verdict: "extended" }]);
  expect(await store.reapStale()).toMatchObject([{ id: job.id }]);
});

test("a late extension takes nothing from one that came after it and was carried out before", async () => {
  await queue.insert();
  const job = await pickUpOne(store, { leaseMs: 60_000 });
  const { client, store: own } = await queue.session();
  // It comes now, and is carried out later.
  await client.query("BEGIN; SELECT now()");
  await store.extend([job], 60_000);
  const lease = (): Promise<unknown> =>
    queue.rows("SELECT locked_at::text, lease_expires_at::text FROM jobs");
  const before = await lease();
  expect(await own.with(client).extend([job], 60_000)).toMatchObject([{ verdict: "extended" }]);
  await client.query("COMMIT");
  expect(await lease()).toEqual(before);
});

test("a late reap takes what was lost when it came, not what has ended while it waited", async () => {
  const [lost, other] = [await queue.insert(), await queue.insert()];
  await store.turn({ pickUp: pickUpOf({ slots: 2 }) });
  await queue.rows("UPDATE jobs SET lease_expires_at = now() WHERE id = $1", [lost]);
  const { reaped } = await heldUp((own) => own.turn({ reap }), {
    meanwhile: ({ client }) =>
      client.query("UPDATE jobs SET lease_expires_at = clock_timestamp() WHERE id = $1", [other]),
  });
  expect(reaped.map(({ id }) => id)).toEqual([lost]);
  expect((await store.reapStale()).map(({ id }) => id)).toEqual([other]);
});
