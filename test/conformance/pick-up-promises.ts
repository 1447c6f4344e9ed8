import { PgJobStore } from "../../src/core/store.ts";
import { executor } from "../../src/core/make-executor.ts";
import { equal, ok } from "./assert.ts";
import { queueOf } from "./queue.ts";
import type { Promises } from "./subject.ts";

const MINUTE = 60_000;

/** What a pick-up promises. */
export function pickUpPromises<Tx>(promise: Promises<Tx>): void {
  promise("an empty queue answers that nothing is there and nothing is planned", [], async (bench) => {
    const { store } = queueOf(bench);
    const turn = await store.turn({ pickUp: { types: ["a"], slots: 5, lockedBy: "w:1", leaseMs: MINUTE } });
    equal(
      [turn.jobs, turn.more, turn.contended, turn.nextDueInMs, turn.nextLeaseEndInMs],
      [[], false, false, null, null],
    );
    equal([turn.settlements, turn.reaped, turn.exhausted], [[], [], []]);
  });

  promise("a pick-up counts the attempt and holds a lease", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const headers = { "a b": "c d" };
    const options = { priority: 3, maxAttempts: 4, timeoutSeconds: 9, dedupeKey: "k", headers };
    const { id } = await store.enqueue("a", { n: 1 }, options);
    const [picked] = (
      await store.turn({ pickUp: { types: ["a"], slots: 1, lockedBy: "w:1", leaseMs: MINUTE } })
    ).jobs;
    const before = await job(id);
    const { payloadText, runAfter, createdAt, ...rest } = picked ?? {
      payloadText: "",
      runAfter: 0,
      createdAt: 0,
      alone: false,
    };
    const usual = { attempts: 1, alone: false, errors: [], schedule: null, scheduledFor: null };
    equal(rest, { id, type: "a", lockedBy: "w:1", ...usual, ...options });
    equal([store.parse(payloadText), runAfter, createdAt], [{ n: 1 }, before.runAfter, before.createdAt]);
    equal([before.status, before.attempts, before.lockedBy], ["RUNNING", 1, "w:1"]);
    const { lockedAt, leaseExpiresAt } = before;
    equal((leaseExpiresAt?.getTime() ?? 0) - (lockedAt?.getTime() ?? 0), MINUTE, "the lease's length");
  });

  promise("the order is by priority, due time and id", [], async (bench) => {
    const { store } = queueOf(bench);
    const due = (ms: number): { runAfter: Date } => ({ runAfter: new Date(Date.UTC(2020, 0, 1) + ms) });
    const enqueued = await store.enqueueMany([
      { type: "a", payload: {}, priority: 0, ...due(2) },
      { type: "a", payload: {}, priority: 0, ...due(1) },
      { type: "b", payload: {}, priority: 5, ...due(9) },
      { type: "a", payload: {}, priority: -1, ...due(0) },
      { type: "a", payload: {}, priority: 0, ...due(1) },
      { type: "a", payload: {}, priority: 5, ...due(8) },
    ]);
    const ids = enqueued.map(({ id }) => id);
    const picked = [...(await store.pickup({ types: ["a", "b"], limit: 4 }))];
    picked.push(...(await store.pickup({ types: ["a", "b"], limit: 4 })));
    equal(
      picked.map(({ id }) => ids.indexOf(id)),
      [5, 2, 1, 4, 0, 3],
    );
  });

  promise("what is not due is left, and the turn says when it will be", [], async (bench) => {
    const { store, set } = queueOf(bench);
    const { id } = await store.enqueue("a", {}, { runAfter: new Date("2099-01-01T00:00:00Z") });
    await store.enqueue("other", {}, { runAfter: new Date("2098-01-01T00:00:00Z") });
    await set(id, "run_after = now() + interval '1 hour'");
    const pickUp = { types: ["a"], slots: 5, lockedBy: "w:1", leaseMs: MINUTE };
    const { jobs, more, nextDueInMs } = await store.turn({ pickUp });
    equal([jobs, more], [[], false]);
    ok(
      nextDueInMs !== null && nextDueInMs > 0 && nextDueInMs <= 60 * MINUTE,
      `due in an hour, not ${nextDueInMs} ms`,
    );
    await set(id, "run_after = now()");
    equal(
      (await store.turn({ pickUp })).jobs.map((job) => job.id),
      [id],
      "when it is due",
    );
  });

  promise("only the asked types are picked up, and no more than asked for", [], async (bench) => {
    const { store } = queueOf(bench);
    await store.enqueueMany(["a", "b", "a", "a"].map((type) => ({ type, payload: {} })));
    const pickUp = { types: ["a", "никогда 'x'"], slots: 2, leaseMs: MINUTE };
    const first = await store.turn({ pickUp: { ...pickUp, lockedBy: "w:1" } });
    equal([first.jobs.map(({ type }) => type), first.more], [["a", "a"], true]);
    const second = await store.turn({ pickUp: { ...pickUp, lockedBy: "w:2" } });
    equal([second.jobs.map(({ type }) => type), second.more], [["a"], false]);
    equal((await store.stats()).types["b"], { READY: 1 });
  });

  promise("a job whose attempts are used up is FAILED, not run", [], async (bench) => {
    const { store, set, job } = queueOf(bench);
    const { id } = await store.enqueue("a", {}, { maxAttempts: 2 });
    await set(id, "attempts = 2");
    const turn = await store.turn({ pickUp: { types: ["a"], slots: 1, lockedBy: "w:1", leaseMs: MINUTE } });
    equal([turn.jobs, turn.exhausted], [[], [{ id, type: "a", status: "FAILED" }]]);
    equal((await job(id)).status, "FAILED");
  });

  promise("a pick-up whose answer was lost is found by its nonce", [], async (bench) => {
    const { store } = queueOf(bench);
    await store.enqueueMany([1, 2, 3].map((n) => ({ type: "a", payload: { n }, priority: -n })));
    const pickUp = { types: ["a"], slots: 2, leaseMs: MINUTE };
    const { jobs } = await store.turn({ pickUp: { ...pickUp, lockedBy: "w:lost" } });
    await store.turn({ pickUp: { ...pickUp, lockedBy: "w:other" } });
    equal(await store.findPickUp(["w:lost", "w:never"]), jobs);
    equal(await store.findPickUp(["w:never"]), []);
  });

  promise("rivals never pick up the same job", ["rival"], async (bench) => {
    const { store } = queueOf(bench);
    const rival = new PgJobStore(
      executor({ query: async (text, params) => await bench.sql(text, params as (string | null)[]) }),
      bench.table,
    );
    await store.enqueueMany(Array.from({ length: 60 }, (_, n) => ({ type: "a", payload: { n } })));
    const picked = [];
    // Locked rows are stepped over, so a round may find less than there is.
    for (let round = 0; round < 20 && picked.length < 60; round += 1) {
      const pickups = [store, rival, store, rival].map((one) => one.pickup({ types: ["a"], limit: 10 }));
      picked.push(...(await Promise.all(pickups)).flat());
    }
    equal([picked.length, new Set(picked.map(({ id }) => id)).size], [60, 60]);
  });
}
