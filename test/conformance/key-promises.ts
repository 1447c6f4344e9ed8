import { equal, ok } from "./assert.ts";
import { queueOf } from "./queue.ts";
import type { Promises } from "./subject.ts";

/** What keys of an enqueue promise beside dedupe, over any driver. */
export function keyPromises<Tx>(promise: Promises<Tx>): void {
  promise("an idempotency key answers the first job's id, also when that is DONE", [], async (bench) => {
    const { store, settle } = queueOf(bench);
    const own = { idempotencyKey: "ключ 'k'" };
    const { id } = await store.enqueue("a", { n: 1 }, own);
    equal(await store.enqueue("a", { n: 2 }, own), { id, created: false });
    const [job] = await store.pickup({ types: ["a"] });
    ok(job !== undefined, "it is picked up");
    await settle({ job, durationMs: 1, outcome: "done", resultText: null });
    equal(await store.enqueue("a", { n: 3 }, own), { id, created: false });
    equal((await store.get(id))?.payload, { n: 1 });
  });

  promise("a throttle lets one job of a key into a window", [], async (bench) => {
    const { store } = queueOf(bench);
    const own = { throttle: { key: "k", seconds: 1_000_000_000 } };
    const { id } = await store.enqueue("a", { n: 1 }, own);
    equal(await store.enqueue("a", { n: 2 }, own), { id, created: false });
    const other = await store.enqueue("a", { n: 3 }, { throttle: { key: "l", seconds: 1_000_000_000 } });
    ok(other.created, "another key's");
  });

  promise("a debounce replaces what waits, and not what was picked up", [], async (bench) => {
    const { store, job, set } = queueOf(bench);
    const own = { debounce: { key: "k", seconds: 3_600 } };
    const { id } = await store.enqueue("a", { text: "first" }, own);
    equal(await store.enqueue("a", { text: "ü'🐘\\" }, own), { id, created: false });
    const row = await job(id);
    equal(row.payload, { text: "ü'🐘\\" });
    ok(row.runAfter.getTime() - row.createdAt.getTime() >= 3_600_000, "it is put off");
    await set(id, "run_after = now()");
    equal((await store.pickup({ types: ["a"] })).length, 1);
    const next = await store.enqueue("a", { text: "next" }, own);
    ok(next.created && next.id !== id, "the next event makes the next job");
  });

  promise("a batch mixes keys of all kinds", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const debounce = { key: "k", seconds: 60, maxSeconds: 61 };
    const enqueued = await store.enqueueMany([
      { type: "a", payload: { n: 0 } },
      { type: "a", payload: { n: 1 }, dedupeKey: "k" },
      { type: "a", payload: { n: 2 }, idempotencyKey: "k" },
      { type: "a", payload: { n: 3 }, throttle: { key: "k", seconds: 1e9 } },
      { type: "a", payload: { n: 4 }, debounce },
      { type: "a", payload: { n: 5 }, idempotencyKey: "k" },
      { type: "a", payload: { n: 6 }, debounce },
    ]);
    equal(
      enqueued.map(({ created }) => created),
      [true, true, true, true, false, false, true],
    );
    const payloads = await Promise.all(enqueued.map(async ({ id }) => (await job(id)).payload));
    equal(
      payloads,
      [0, 1, 2, 3, 6, 2, 6].map((n) => ({ n })),
    );
  });
}
