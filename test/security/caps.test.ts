import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;
const MIB = 1_048_576;
const text = (bytes: number): string => "x".repeat(bytes);
/** A JSON text of that many bytes: `{"a":"…"}`. */
const sized = (bytes: number): { a: string } => ({ a: text(bytes - 8) });

function nested(levels: number): object {
  let value: object = {};
  for (let level = 1; level < levels; level += 1) value = { x: value };
  return value;
}

test.for([
  ["at the cap", sized(MIB), "stored"],
  ["one byte over", sized(MIB + 1), "not stored"],
  ["of 64 MiB", sized(64 * MIB), "not stored"],
  ["at the depth's cap", nested(100), "stored"],
  ["one level over", nested(101), "not stored"],
  ["20,000 levels deep", nested(20_000), "not stored"],
] as const)("a result %s: the job is DONE, the result is %s", async ([, result, outcome]) => {
  const { id } = await store.enqueue("a", {});
  const report = await drainOnce({ store, handlers: { a: () => result }, budgetMs: 20_000 });
  expect(report).toMatchObject({ done: 1, stoppedBy: "empty" });
  const job = await store.get(id);
  if (outcome === "stored") expect(job).toMatchObject({ lastError: null, result });
  else
    expect(job).toMatchObject({
      result: null,
      lastError: expect.stringMatching(/^the result was not stored: .*at most/) as string,
    });
});

test.for([
  ["of 64 MiB", sized(64 * MIB), "payload"],
  ["20,000 levels deep", nested(20_000), `payload${".x".repeat(100)}`],
] as const)("a payload %s is refused by name", async ([, payload, field]) => {
  await expect(store.enqueue("a", payload as never)).rejects.toMatchObject({ field });
  await expect(store.enqueueMany([{ type: "a", payload }])).rejects.toMatchObject({
    field: `jobs[0].${field}`,
  });
});

test("a key and a type of 64 MiB are refused, and not repeated in the error", async () => {
  const huge = text(64 * MIB);
  for (const attempt of [() => store.enqueue(huge, {}), () => store.enqueue("a", {}, { dedupeKey: huge })]) {
    const failure: unknown = await attempt().catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "InvalidInputError" });
    expect(String(failure).length).toBeLessThan(300);
  }
});

test("a batch at the caps of count and size is stored, and one over either is refused whole", async () => {
  const job = { type: "b", payload: {} };
  expect(await store.enqueueMany(Array.from({ length: 10_000 }, () => job))).toHaveLength(10_000);
  await expect(store.enqueueMany(Array.from({ length: 10_001 }, () => job))).rejects.toMatchObject({
    field: "jobs",
  });
  const large = (count: number) =>
    Array.from({ length: count }, () => ({ type: "b", payload: sized(MIB - 400) }));
  await store.enqueueMany(large(7));
  await expect(store.enqueueMany(large(9))).rejects.toMatchObject({ field: "jobs" });
  expect(await queue.rows("SELECT count(*)::int AS n FROM jobs")).toEqual([{ n: 10_007 }]);
});

test("other producers' payloads, beyond pqrun's caps, stop no other job", async () => {
  // As deep as PostgreSQL's own parser takes it.
  await queue.rows(
    `INSERT INTO jobs (job_type, payload) VALUES
       ('a', (repeat('{"x":', 2000) || '1' || repeat('}', 2000))::jsonb),
       ('a', jsonb_build_object('huge', repeat('x', 20000000))),
       ('a', '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}'),
       ('a', '[1, 2]'), ('a', 'null'), ('a', '"text"'), ('a', '{}')`,
  );
  let ran = 0;
  const handlers = {
    a: () => {
      ran += 1;
    },
  };
  expect(await drainOnce({ store, handlers, budgetMs: 20_000 })).toMatchObject({
    done: 4,
    // What is no object is no payload.
    failed: 3,
    stoppedBy: "empty",
  });
  expect(ran).toBe(4);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});
