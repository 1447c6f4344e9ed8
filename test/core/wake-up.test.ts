import { expect, test } from "vitest";

import type { QueueSession } from "../support/queue.ts";
import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

/** LISTENs; the answer tells what has been heard by now: a last message of our own marks the end. */
async function ear(): Promise<() => Promise<string[]>> {
  const { client, store: own } = await queue.session();
  const messages: string[] = [];
  let said: () => void = () => undefined;
  await own.listen?.(own.channel, (payload) => {
    messages.push(payload);
    said();
  });
  return async () => {
    await client.query("SELECT pg_notify($1, 'end')", [own.channel]);
    while (!messages.includes("end")) await new Promise<void>((resolve) => (said = resolve));
    return messages.splice(0).filter((payload) => payload !== "end");
  };
}

const raise = (worker = "w1", forMs = 60_000): Promise<unknown> => store.turn({ guard: { worker, forMs } });
const lower = (worker = "w1"): Promise<unknown> => raise(worker, 0);

test("a plain INSERT wakes a worker that waits, and nobody once it has stopped waiting", async () => {
  const heard = await ear();
  await queue.insert();
  expect(await heard()).toEqual([]);
  await raise();
  await queue.insert();
  expect(await heard()).toEqual([""]);
  await lower();
  await queue.insert();
  expect(await heard()).toEqual([]);
});

test("while one of two workers waits, inserts notify", async () => {
  const heard = await ear();
  await raise("w1");
  await raise("w2");
  await lower("w1");
  await queue.insert();
  expect(await heard()).toEqual([""]);
});

test("a guard stands for as long as was said, and no dead worker's for ever", async () => {
  const heard = await ear();
  await raise();
  await queue.rows("UPDATE jobs_waiting SET until = now() - interval '1 ms'");
  await queue.insert();
  expect(await heard()).toEqual([]);
  await raise();
  await queue.insert();
  expect(await heard()).toEqual([""]);
});

test("who raises a guard clears away those of workers long gone, and no others", async () => {
  await raise("long gone");
  await raise("gone");
  await raise("waits");
  await raise("own");
  await lower("gone");
  await queue.rows(
    "UPDATE jobs_waiting SET until = now() - interval '2 hours' WHERE worker IN ('long gone', 'own')",
  );
  await store.turn({});
  const workers = async (): Promise<unknown[]> =>
    (await queue.rows("SELECT worker FROM jobs_waiting ORDER BY worker")).map((row) => row["worker"]);
  expect(await workers()).toEqual(["gone", "long gone", "own", "waits"]);
  await raise("own");
  expect(await workers()).toEqual(["gone", "own", "waits"]);
});

test("a guard that somebody has locked delays nobody who raises one", async () => {
  await raise("long gone");
  await queue.rows("UPDATE jobs_waiting SET until = now() - interval '2 hours'");
  const { client } = await queue.session();
  await client.query("BEGIN; SELECT FROM jobs_waiting FOR UPDATE");
  await raise("own");
  expect(await queue.rows("SELECT worker FROM jobs_waiting ORDER BY worker")).toEqual([
    { worker: "long gone" },
    { worker: "own" },
  ]);
});

test("a guard that has ended wakes nobody when a turn or a retry makes a job due", async () => {
  const heard = await ear();
  await queue.insert();
  const job = await pickUpOne(store);
  const failed = await queue.insert({ status: "'FAILED'" });
  await raise();
  await queue.rows("UPDATE jobs_waiting SET until = now() - interval '1 ms'");
  await store.release(job);
  await store.retry(failed);
  expect(await heard()).toEqual([]);
});

test("an enqueue of 1,000 jobs is one message", async () => {
  const heard = await ear();
  await raise();
  await store.enqueueMany(Array.from({ length: 1_000 }, (_, n) => ({ type: "a", payload: { n } })));
  expect(await heard()).toEqual([""]);
});

test("the message comes with the commit, so that who hears it finds the job", async () => {
  const heard = await ear();
  await raise();
  const { client } = await queue.session();
  await client.query("BEGIN; INSERT INTO jobs (job_type) VALUES ('a')");
  expect(await heard()).toEqual([]);
  await client.query("COMMIT");
  expect(await heard()).toEqual([""]);
});

test("a probe is heard by who sent it", async () => {
  const heard = await ear();
  await store.turn({ probe: "is anybody there?" });
  expect(await heard()).toEqual(["is anybody there?"]);
});

/** What makes a job READY by UPDATE. */
const MADE_READY: Record<string, (store: QueueSession["store"]) => Promise<unknown>> = {
  "a retry of a failed attempt": async (own) => own.markError(await pickUpOne(own), "no", 0),
  "a release": async (own) => own.release(await pickUpOne(own)),
  "a snooze": async (own) =>
    own.turn({ settlements: [{ job: await pickUpOne(own), durationMs: 1, outcome: "snooze", due: 0 }] }),
  "a reap": async (own) => {
    await pickUpOne(own, { leaseMs: 0 });
    await own.reapStale();
  },
  "a retry by hand": async (own) => {
    const job = await pickUpOne(own);
    await own.turn({ settlements: [{ job, durationMs: 1, outcome: "fail", error: "no" }] });
    await own.retry(job.id);
  },
};

test.for(Object.entries(MADE_READY))("%s wakes a worker that waits, and nobody else", async ([, act]) => {
  const heard = await ear();
  await queue.insert();
  await act(store);
  expect(await heard()).toEqual([]);
  await raise();
  await act(store);
  expect(await heard()).toEqual([""]);
});

test("what makes nothing READY wakes nobody", async () => {
  await queue.insert();
  await queue.insert();
  const heard = await ear();
  await raise();
  const job = await pickUpOne(store);
  await store.extend([job], 1_000);
  await store.markDone(job);
  await store.cancel((await pickUpOne(store)).id);
  await store.turn({ pickUp: pickUpOf(), reap: { staleTimeoutSeconds: 1 } });
  await store.retry(job.id);
  expect(await heard()).toEqual([]);
});

test("an insert goes on where the waiting workers can't be asked", async () => {
  const heard = await ear();
  await queue.rows("ALTER TABLE jobs_waiting RENAME TO gone");
  try {
    await queue.insert();
    // Nobody knows who waits: so everybody is told.
    expect(await heard()).toEqual([""]);
  } finally {
    await queue.rows("ALTER TABLE gone RENAME TO jobs_waiting");
  }
});

test("a turn's snapshot tells when every writer that was open then has ended, the newest too", async () => {
  // What a worker needs to know before it sleeps: such a writer may have looked for its guard too early.
  const [first, last] = [await queue.session(), await queue.session()];
  for (const { client } of [first, last])
    await client.query("BEGIN; INSERT INTO jobs (job_type) VALUES ('b')");
  const ended = async (horizon: bigint): Promise<boolean> =>
    (await store.turn({})).snapshot.oldest >= horizon;
  const { next } = (await store.turn({})).snapshot;
  expect(await ended(next)).toBe(false);
  await first.client.query("COMMIT");
  expect(await ended(next)).toBe(false);
  await last.client.query("COMMIT");
  // Other databases of the server have transactions too.
  while (!(await ended(next)));
});
