import { expect, test } from "vitest";

import type { EnqueueOptions } from "../../../src/core/enqueue/check-job.ts";
import { notingErrors } from "../../support/between.ts";
import { testQueue, type QueueSession } from "../../support/queue.ts";

const queue = await testQueue();

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const sessions = (count: number, errors: unknown[] = []): Promise<QueueSession[]> =>
  Promise.all(numbers(count).map(() => queue.session({ between: notingErrors(errors) })));

interface Event {
  readonly n: number;
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly id: string;
}

interface PickedUp {
  readonly n: number;
  /** When its statement was sent, and when its answer came. */
  readonly sent: number;
  readonly came: number;
}

test("of debounced events none is lost, two of a key never wait, and none is put off beyond its cap", async () => {
  await queue.rows(`ALTER TABLE jobs ADD CONSTRAINT cap
    CHECK (debounce_key IS NULL OR status <> 'READY' OR run_after <= created_at + interval '12 s')`);
  const [producers, pickers] = [await sessions(5), await sessions(2)];
  const events: Event[] = [];
  const picked = new Map<string, PickedUp>();
  let [left, number] = [producers.length, 0];

  const produce = async ({ store }: QueueSession, own: number): Promise<void> => {
    for (let turn = 0; turn < 40 || (picked.size < 30 && turn < 5_000); turn += 1) {
      const made = numbers(turn % 4 === 0 ? 3 : 1).map((part) => {
        number += 1;
        return { n: number, key: `k${(own + turn + part) % 3}` };
      });
      const start = performance.now();
      const answers = await store.enqueueMany(
        made.map(({ n, key }) => ({
          type: "a",
          payload: { n },
          debounce: { key, seconds: 10, maxSeconds: 12 },
        })),
      );
      const end = performance.now();
      for (const [index, event] of made.entries()) {
        events.push({ ...event, start, end, id: answers[index]?.id ?? "" });
      }
    }
    left -= 1;
  };
  const pick = async ({ store }: QueueSession): Promise<void> => {
    for (let empty = 0; left > 0 || empty < 2;) {
      const sent = performance.now();
      const jobs = await store.pickup({ types: ["a"], limit: 2 });
      const came = performance.now();
      empty = jobs.length === 0 ? empty + 1 : 0;
      for (const job of jobs) {
        expect(picked.has(job.id)).toBe(false);
        picked.set(job.id, { n: (store.parse(job.payloadText) as { n: number }).n, sent, came });
        await store.markDone(job);
      }
    }
  };
  /** Time passes: what waits was created up to eleven seconds ago, and half of it is due. */
  const hasten = async (): Promise<void> => {
    for (let last = false; !last;) {
      last = left === 0;
      await queue.rows(
        `UPDATE jobs SET created_at = now() - random() * interval '11 s', run_after = now() + CASE WHEN $1 OR random() < 0.5 THEN interval '0' ELSE interval '1 s' END
          WHERE id IN (SELECT id FROM jobs WHERE status = 'READY' FOR UPDATE SKIP LOCKED)`,
        [last],
      );
    }
  };
  try {
    await Promise.all([...producers.map(produce), ...pickers.map(pick), hasten()]);
  } finally {
    await queue.rows("ALTER TABLE jobs DROP CONSTRAINT cap");
  }
  await queue.rows("UPDATE jobs SET run_after = now() WHERE status = 'READY'");
  await Promise.all(pickers.map(pick));

  expect(await queue.rows("SELECT FROM jobs WHERE status <> 'DONE'")).toEqual([]);
  expect(picked.size).toBeGreaterThan(10);
  for (const { id, start, key } of events) {
    const job = picked.get(id);
    // The job that an event went into was not picked up before that.
    expect(job?.came).toBeGreaterThan(start);
    // And it ran with this event's payload, or that of one which was not over before this one began.
    const ran = events.find(({ n }) => n === job?.n);
    expect([ran?.key, ran?.id]).toEqual([key, id]);
    expect(ran?.end).toBeGreaterThan(start);
  }
});

test("of rivals with one idempotency key one creates the job, and all have its id, in whatever order they have the keys", async () => {
  const errors: unknown[] = [];
  const rivals = await sessions(6, errors);
  const answers = await Promise.all(
    rivals.flatMap(({ store }, own) =>
      numbers(10).map(async (turn) => {
        const keys = numbers(8).map((n) => `k${turn}:${own % 2 === 0 ? n : 7 - n}`);
        const made = keys.map((key) => ({ type: "a", payload: {}, idempotencyKey: key }));
        const enqueued = await store.enqueueMany(made);
        return enqueued.map((answer, index) => ({ ...answer, key: keys[index] ?? "" }));
      }),
    ),
  );
  expect(errors).toEqual([]);
  const rows = await queue.rows("SELECT id::text, idempotency_key AS key FROM jobs");
  const ids = new Map(rows.map(({ key, id }) => [key, id]));
  expect(rows).toHaveLength(80);
  for (const { key, id } of answers.flat()) expect(id).toBe(ids.get(key));
  expect(answers.flat().filter(({ created }) => created)).toHaveLength(80);
});

test("a rival's job that is committed while the enqueue waits has the key, and one that is rolled back has not", async () => {
  const [rival, own] = [await queue.session(), await queue.session()];
  for (const end of ["COMMIT", "ROLLBACK"]) {
    await queue.rows("TRUNCATE jobs");
    await rival.client.query("BEGIN");
    const theirs = await rival.store.with(rival.client).enqueue("a", {}, { idempotencyKey: "k" });
    const enqueued = own.store.enqueue("a", {}, { idempotencyKey: "k" });
    await queue.blocked(own.pid);
    await rival.client.query(end);
    const answer = await enqueued;
    expect(answer.created).toBe(end === "ROLLBACK");
    expect(answer.id === theirs.id).toBe(end === "COMMIT");
  }
});

test("an event that waits for the pick-up of its key's job makes the next job", async () => {
  const [picker, own] = [await queue.session(), await queue.session()];
  const debounce = { key: "k", seconds: 1, maxSeconds: 1 };
  const { id } = await own.store.enqueue("a", { n: 1 }, { debounce });
  await queue.rows("UPDATE jobs SET run_after = now()");
  await picker.client.query("BEGIN");
  const [job] = await picker.store.with(picker.client).pickup({ types: ["a"] });
  expect(job?.id).toBe(id);
  const enqueued = own.store.enqueue("a", { n: 2 }, { debounce });
  await queue.blocked(own.pid);
  await picker.client.query("COMMIT");
  expect(await enqueued).toMatchObject({ created: true });
  expect(await queue.rows("SELECT payload->'n' AS n FROM jobs ORDER BY id")).toEqual([{ n: 1 }, { n: 2 }]);
});

test("batches that mix keys, and meet each other's, give each caller its own jobs' ids", async () => {
  const errors: unknown[] = [];
  const rivals = await sessions(5, errors);
  const kinds: readonly ((key: string) => EnqueueOptions)[] = [
    () => ({}),
    (dedupeKey) => ({ dedupeKey }),
    (idempotencyKey) => ({ idempotencyKey }),
    (key) => ({ throttle: { key, seconds: 1e9 } }),
    (key) => ({ debounce: { key, seconds: 60 } }),
  ];
  const batches = rivals.flatMap(({ store }, own) =>
    numbers(8).map(async (turn) => {
      const made = numbers(30).map((n) => {
        const [kind, key] = [(n * 7 + own) % kinds.length, `k${(n * (own + 3) + turn) % 4}`];
        const options = kinds[kind]?.(key) ?? {};
        return { type: "a", payload: { mark: `${own}.${turn}.${n}` }, kind, key, options };
      });
      const answers = await store.enqueueMany(
        made.map(({ type, payload, options }) => ({ type, payload, ...options })),
      );
      return answers.map((answer, index) => ({ ...answer, ...made[index] }));
    }),
  );
  const answers = (await Promise.all(batches)).flat();
  expect(errors).toEqual([]);
  const rows = await queue.rows(
    "SELECT id::text, payload->>'mark' AS mark, dedupe_key, idempotency_key, debounce_key FROM jobs",
  );
  const byId = new Map(rows.map((row) => [row["id"], row]));
  for (const { id, created, kind = 0, key, payload } of answers) {
    const row = byId.get(id);
    const own = [
      null,
      row?.["dedupe_key"],
      row?.["idempotency_key"],
      row?.["idempotency_key"],
      row?.["debounce_key"],
    ];
    const expected = [null, key, key, `throttle:${key}:0`, key];
    expect(own[kind]).toBe(kind === 3 ? own[kind] : expected[kind]);
    if (kind === 3) expect(String(own[kind])).toMatch(`throttle:${key}:`);
    // What is debounced has the payload of the last.
    if (created && kind !== 4) expect(row?.["mark"]).toBe(payload?.mark);
  }
  expect(answers.filter(({ created }) => created)).toHaveLength(rows.length);
});
