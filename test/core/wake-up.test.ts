import { readFileSync } from "node:fs";

import { expect, onTestFinished, test } from "vitest";

import { readWakeMessage } from "../../src/core/values/wake-message.ts";
import type { QueueSession } from "../support/queue.ts";
import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

/** LISTENs; the answer tells what has been heard by now: a last message of our own marks the end. */
async function ear(): Promise<() => Promise<string[]>> {
  const { client, store: own } = await queue.session();
  const messages: string[] = [];
  let said: () => void = () => undefined;
  client.on("notification", ({ payload = "" }) => {
    messages.push(payload);
    said();
  });
  await client.query(`LISTEN ${own.channel}`);
  return async () => {
    await client.query("SELECT pg_notify($1, 'end')", [own.channel]);
    while (!messages.includes("end")) await new Promise<void>((resolve) => (said = resolve));
    return messages.splice(0).filter((payload) => payload !== "end");
  };
}

/** The types that each message tells of. */
const typesOf = (messages: readonly string[]): unknown[] =>
  messages.map((message) => readWakeMessage(message)?.map(({ type }) => type));

const raise = (worker = "w1", forMs = 60_000, types?: readonly string[]): Promise<unknown> =>
  store.turn({ guard: { worker, forMs, types } });
const lower = (worker = "w1"): Promise<unknown> => raise(worker, 0);

test("a plain INSERT wakes a worker that waits, and nobody once it has stopped waiting", async () => {
  const heard = await ear();
  await queue.insert();
  expect(await heard()).toEqual([]);
  await raise();
  await queue.insert();
  expect(typesOf(await heard())).toEqual([["a"]]);
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
  expect(typesOf(await heard())).toEqual([["a"]]);
});

test("a guard stands for as long as was said, and no dead worker's for ever", async () => {
  const heard = await ear();
  await raise();
  await queue.rows("UPDATE jobs_waiting SET until = now() - interval '1 ms'");
  await queue.insert();
  expect(await heard()).toEqual([]);
  await raise();
  await queue.insert();
  expect(typesOf(await heard())).toEqual([["a"]]);
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
  expect(typesOf(await heard())).toEqual([["a"]]);
});

test("a message of one job tells its type, when it is due, its priority and its id", async () => {
  const heard = await ear();
  await raise();
  const id = await queue.insert({ priority: "7", run_after: "to_timestamp(4e9)" });
  await queue.rows("UPDATE jobs_waiting SET until = 'infinity'");
  const later = await queue.insert({
    job_type: "'ü \"quoted\"'",
    priority: "-7",
    run_after: "to_timestamp(4e9)",
  });
  expect(id).not.toBe(later);
  expect((await heard()).map((message): unknown => JSON.parse(message))).toEqual([
    [1, [['ü "quoted"', 4e12, -7, later]]],
  ]);
});

test("a message of several jobs tells their types, and when the first of each is due", async () => {
  const heard = await ear();
  await raise("w1", 600_000);
  await queue.rows(`INSERT INTO jobs (job_type, run_after)
    SELECT type, now() + after * interval '1 s' FROM (VALUES ('a', 60), ('b', 20), ('a', 30), ('b', 40)) v (type, after)`);
  const [rows] = await queue.rows(
    "SELECT array_agg(x ORDER BY x[1]) AS due FROM (SELECT ARRAY[job_type, floor(extract(epoch FROM min(run_after)) * 1000)::int8::text] FROM jobs GROUP BY job_type) t (x)",
  );
  const [message = ""] = await heard();
  const told = readWakeMessage(message)?.map(({ type, dueMs }) => [type, String(dueMs)]);
  expect(told?.toSorted()).toEqual(rows?.["due"]);
});

test("of many types a message says only that there may be work", async () => {
  const heard = await ear();
  await raise();
  await queue.rows("INSERT INTO jobs (job_type) SELECT 't' || n FROM generate_series(1, 9) n");
  await queue.rows("INSERT INTO jobs (job_type) VALUES (repeat('long', 2500))");
  expect(await heard()).toEqual(["", ""]);
});

test("only who waits for its type is told of a job", async () => {
  const heard = await ear();
  await raise("w1", 60_000, ["a", "b"]);
  await raise("w2", 60_000, ["c"]);
  await queue.insert({ job_type: "'other'" });
  await queue.rows("INSERT INTO jobs (job_type) SELECT 'other' FROM generate_series(1, 20)");
  expect(await heard()).toEqual([]);
  await queue.insert({ job_type: "'c'" });
  await queue.rows("INSERT INTO jobs (job_type) VALUES ('other'), ('b')");
  expect(typesOf(await heard())).toEqual([["c"], ["b"]]);
  await lower("w2");
  await queue.insert({ job_type: "'c'" });
  expect(await heard()).toEqual([]);
});

test("who waits for more types than a guard can name is told of all", async () => {
  const heard = await ear();
  await raise(
    "w1",
    60_000,
    Array.from({ length: 200 }, (_, n) => `type-${n}`),
  );
  await queue.insert({ job_type: "'other'" });
  expect(typesOf(await heard())).toEqual([["other"]]);
});

test("nobody is told of a job that is due after all guards have ended, or never: who waits will have looked again", async () => {
  const heard = await ear();
  await raise();
  await queue.insert({ run_after: "now() + interval '1 day'" });
  await queue.insert({ run_after: "'infinity'" });
  await queue.insert({ status: "'DONE'" });
  await queue.rows(
    "INSERT INTO jobs (job_type, run_after) VALUES ('a', now() + interval '1 day'), ('b', now() + interval '2 days')",
  );
  expect(await heard()).toEqual([]);
  await queue.insert({ run_after: "now() + interval '30 s'" });
  await queue.insert({ run_after: "'-infinity'" });
  expect(typesOf(await heard())).toEqual([["a"], ["a"]]);
});

test("a worker of 0.1.0 takes a message for one that wakes: for no probe, and no reconnect", async () => {
  const heard = await ear();
  await raise();
  await queue.insert();
  await queue.rows("INSERT INTO jobs (job_type) VALUES ('a'), ('b')");
  await queue.rows("UPDATE jobs SET run_after = run_after - interval '1 s'");
  const messages = await heard();
  expect(messages.length).toBeGreaterThan(2);
  expect(messages.filter((message) => /^(?:probe:|pqrun:reconnected$)/.test(message))).toEqual([]);
});

test("who empties the table of those who wait has all of them look", async () => {
  const heard = await ear();
  await raise();
  await queue.rows("TRUNCATE jobs, jobs_waiting");
  expect(await heard()).toEqual([""]);
  const again = await store.turn({ guard: { worker: "w1", forMs: 60_000 } });
  expect(again.stood).toBe(false);
  expect((await store.turn({ guard: { worker: "w1", forMs: 60_000 } })).stood).toBe(true);
});

test("the message comes with the commit, so that who hears it finds the job", async () => {
  const heard = await ear();
  await raise();
  const { client } = await queue.session();
  await client.query("BEGIN; INSERT INTO jobs (job_type) VALUES ('a')");
  expect(await heard()).toEqual([]);
  await client.query("COMMIT");
  expect(typesOf(await heard())).toEqual([["a"]]);
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
  expect(typesOf(await heard())).toEqual([["a"]]);
});

/** What others do, by SQL of their own. Each makes the job that is there due for the worker that waits for `a`. */
const MADE_DUE: Record<string, readonly [job: Readonly<Record<string, string>>, update: string]> = {
  "Python's retry": [
    { status: "'RUNNING'", locked_by: "'py'", locked_at: "now()", attempts: "1" },
    "UPDATE jobs SET status = 'READY', run_after = now() + interval '2 s', locked_at = NULL, locked_by = NULL",
  ],
  "Python's reaper": [
    { status: "'RUNNING'", locked_by: "'w'", lease_holder: "'w'", lease_expires_at: "now()" },
    "UPDATE jobs SET status = 'READY', locked_at = NULL, locked_by = NULL WHERE status = 'RUNNING'",
  ],
  "a FAILED job that is put back by hand": [
    { status: "'FAILED'" },
    "UPDATE jobs SET status = 'READY', attempts = 0",
  ],
  "a planned job that is brought forward": [
    { run_after: "now() + interval '1 day'" },
    "UPDATE jobs SET run_after = now()",
  ],
  "a job that is given another type": [{ job_type: "'other'" }, "UPDATE jobs SET job_type = 'a'"],
};

test.for(Object.entries(MADE_DUE))("%s wakes who waits, and nobody else", async ([, [job, update]]) => {
  const heard = await ear();
  await queue.insert(job);
  await queue.rows(`BEGIN; ${update}; ROLLBACK`);
  await raise("w1", 60_000, ["other"]);
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query(update);
  await client.query("ROLLBACK");
  expect(await heard()).toEqual([]);
  await raise("w2", 60_000, ["a"]);
  await client.query(update);
  expect(typesOf(await heard())).toEqual([["a"]]);
});

test("what the Python guard puts back wakes who waits", async () => {
  await queue.rows(readFileSync(new URL("../../sql/patterns/python-guard.sql", import.meta.url), "utf8"));
  onTestFinished(() => queue.rows("DROP TRIGGER jobs_python_guard ON jobs").then(() => undefined));
  const heard = await ear();
  await queue.insert({ status: "'RUNNING'", locked_by: "'py'", locked_at: "now()", attempts: "1" });
  await raise();
  await queue.rows("UPDATE jobs SET status = 'FAILED', last_error = 'No handler registered for job_type=a'");
  expect(await queue.rows("SELECT status FROM jobs")).toEqual([{ status: "READY" }]);
  expect(typesOf(await heard())).toEqual([["a"]]);
});

test("a thousand jobs that are put back by one statement are one message", async () => {
  await queue.rows("INSERT INTO jobs (job_type, status) SELECT 'a', 'FAILED' FROM generate_series(1, 1000)");
  const heard = await ear();
  await raise();
  await queue.rows("UPDATE jobs SET status = 'READY'");
  expect(typesOf(await heard())).toEqual([["a"]]);
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
  await store.turn({ pickUp: pickUpOf(), reap: { defaultTimeoutSeconds: 1 } });
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
