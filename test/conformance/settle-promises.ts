import { isPqrunError } from "../../src/core/errors.ts";
import type { PickedUpJob } from "../../src/core/job.ts";
import type { Settlement } from "../../src/core/turn/settlement.ts";
import { equal, fail, ok, rejected } from "./assert.ts";
import { queueOf, staleFences } from "./queue.ts";
import type { Promises } from "./subject.ts";

const LATER = new Date("2099-06-01T12:00:00.000Z");

/** One settlement of each outcome. */
const outcomesOf = (job: Settlement["job"]): readonly Settlement[] => [
  { job, durationMs: 12.4, outcome: "done", resultText: '{"text": "ü🐘", "list": [1, null]}' },
  { job, durationMs: 1, outcome: "retry", error: "first 'error' \\ ü", due: LATER },
  { job, durationMs: 1, outcome: "fail", error: "for good" },
  { job, durationMs: null, outcome: "snooze", due: LATER },
  { job, durationMs: null, outcome: "release" },
];

/** What settling, extending and reaping promise. */
export function settlePromises<Tx>(promise: Promises<Tx>): void {
  outcomes(promise);
  fences(promise);
  leases(promise);
}

function outcomes<Tx>(promise: Promises<Tx>): void {
  promise("done: the result is stored, and the job keeps who did it", [], async (bench) => {
    const { running, settle, job } = queueOf(bench);
    const held = await running();
    const { id, lockedBy } = held;
    const [done = fail("an outcome")] = outcomesOf(held);
    equal(await settle(done), { id, lockedBy, verdict: "settled", status: "DONE" });
    const row = await job(id);
    equal([row.status, row.result, row.durationMs], ["DONE", { text: "ü🐘", list: [1, null] }, 12]);
    equal([row.attempts, row.lockedBy, row.lockedAt, row.leaseExpiresAt], [1, lockedBy, null, null]);
    ok(row.finishedAt !== null, "it has finished");
  });

  promise("retry: READY at its time, the attempt counted; FAILED where none is left", [], async (bench) => {
    const { running, settle, job } = queueOf(bench);
    const first = await running({ maxAttempts: 2 });
    const [, retry = fail("an outcome")] = outcomesOf(first);
    equal((await settle(retry)).status, "READY");
    const { status, attempts, lastError, runAfter, finishedAt } = await job(first.id);
    equal(
      [status, attempts, lastError, runAfter, finishedAt],
      ["READY", 1, "first 'error' \\ ü", LATER, null],
    );
    const last = await running({ maxAttempts: 1 });
    const failed = await settle({ job: last, durationMs: 5, outcome: "retry", error: "last", due: 0 });
    equal(failed.status, "FAILED");
    const row = await job(last.id);
    equal([row.status, row.lastError, row.finishedAt !== null], ["FAILED", "last", true]);
  });

  promise("fail: FAILED, whatever attempts are left", [], async (bench) => {
    const { running, settle, job } = queueOf(bench);
    const held = await running();
    const [, , fatal = fail("an outcome")] = outcomesOf(held);
    equal((await settle(fatal)).status, "FAILED");
    const { status, attempts, maxAttempts, lastError } = await job(held.id);
    equal([status, attempts, maxAttempts, lastError], ["FAILED", 1, 5, "for good"]);
  });

  promise("snooze and release: READY, the attempt given back", [], async (bench) => {
    const { running, settle, job, store } = queueOf(bench);
    const snoozed = await running();
    const [, , , snooze = fail("an outcome")] = outcomesOf(snoozed);
    equal((await settle(snooze)).status, "READY");
    const later = await job(snoozed.id);
    equal([later.status, later.attempts, later.runAfter], ["READY", 0, LATER]);
    const released = await running();
    const [, , , , release = fail("an outcome")] = outcomesOf(released);
    equal((await settle(release)).status, "READY");
    const again = await store.pickup({ types: ["a"] });
    equal(
      again.map(({ id, attempts }) => [id, attempts]),
      [[released.id, 1]],
      "it is due at once",
    );
  });

  promise("one turn settles all outcomes, reaps and picks up", [], async (bench) => {
    const { store, set, job } = queueOf(bench);
    const pickUp = { types: ["a"], slots: 6, lockedBy: "w:1", leaseMs: 60_000 };
    await store.enqueueMany(Array.from({ length: 6 }, () => ({ type: "a", payload: {} })));
    const held = (await store.turn({ pickUp })).jobs;
    const [lost = fail("six jobs")] = held.slice(5);
    await set(lost.id, "lease_expires_at = now() - interval '1 s'");
    const next = await store.enqueue("a", {});
    const settlements = held.slice(0, 5).map((one, index) => outcomesOf(one)[index] ?? fail("five outcomes"));
    const turn = await store.turn({
      settlements,
      reap: { defaultTimeoutSeconds: 60 },
      pickUp: { ...pickUp, slots: 1, lockedBy: "w:2" },
    });
    equal(
      turn.settlements.map(({ id, verdict, status }) => [id, verdict, status]),
      ["DONE", "READY", "FAILED", "READY", "READY"].map((status, index) => [
        held[index]?.id,
        "settled",
        status,
      ]),
    );
    equal(turn.reaped, [{ id: lost.id, type: "a", status: "READY" }]);
    equal([turn.jobs.map(({ id }) => id), turn.more], [[next.id], true]);
    equal((await job(lost.id)).attempts, 1, "a lost lease's attempt counts");
  });
}

function fences<Tx>(promise: Promises<Tx>): void {
  promise("a settlement that does not hold the job is lost, and the row untouched", [], async (bench) => {
    const { running, settle, image } = queueOf(bench);
    const held = await running();
    const before = await image(held.id);
    for (const fence of staleFences(held)) {
      for (const settlement of outcomesOf(fence))
        equal((await settle(settlement)).verdict, "lost", settlement.outcome);
    }
    equal(await image(held.id), before);
  });

  promise("a settlement repeated is answered already, and the row untouched", [], async (bench) => {
    const { running, settle, image } = queueOf(bench);
    for (const index of [0, 1, 2, 3]) {
      const held = await running();
      const settlement = outcomesOf(held)[index] ?? fail("an outcome");
      equal((await settle(settlement)).verdict, "settled");
      const before = await image(held.id);
      equal((await settle(settlement)).verdict, "already", settlement.outcome);
      equal(await image(held.id), before, settlement.outcome);
    }
  });

  promise(
    "markDone, markError and release settle what they hold, and say when they don't",
    [],
    async (bench) => {
      const { store, running, job } = queueOf(bench);
      const [done, failed, released] = [await running(), await running(), await running()];
      const stale: PickedUpJob = { ...(await running()), lockedBy: "somebody else" };
      equal((await store.markDone(done, { ok: true })).status, "DONE");
      equal((await store.markError(failed, new Error("broken"), LATER)).status, "READY");
      equal((await store.release(released)).status, "READY");
      equal((await job(done.id)).result, { ok: true });
      ok((await job(failed.id)).lastError?.includes("broken") === true, "the error's text");
      ok(isPqrunError(await rejected(store.markDone(stale)), "lease-lost"), "LeaseLostError of markDone");
      ok(
        isPqrunError(await rejected(store.markError(stale, "x")), "lease-lost"),
        "LeaseLostError of markError",
      );
      ok(isPqrunError(await rejected(store.release(stale)), "lease-lost"), "LeaseLostError of release");
    },
  );
}

function leases<Tx>(promise: Promises<Tx>): void {
  promise("extend moves the leases that are held, and no other", [], async (bench) => {
    const { store, running, job, image } = queueOf(bench);
    const [mine, others] = [await running(), await running()];
    const before = [(await job(mine.id)).leaseExpiresAt?.getTime() ?? 0, await image(others.id)] as const;
    const stale = { ...others, attempts: 7 };
    const answers = await store.extend([mine, stale], 3_600_000);
    const verdictOf = (id: string): string | undefined => answers.find((answer) => answer.id === id)?.verdict;
    equal([verdictOf(mine.id), verdictOf(others.id)], ["extended", "lost"]);
    ok(((await job(mine.id)).leaseExpiresAt?.getTime() ?? 0) > before[0], "a later end");
    equal(await image(others.id), before[1]);
    equal(await store.extend([], 1), [], "nothing to extend");
  });

  promise("a reap takes what has expired, and leaves a live lease", [], async (bench) => {
    const { store, running, set, job, image } = queueOf(bench);
    const [again, spent, live] = [await running(), await running({ maxAttempts: 1 }), await running()];
    for (const { id } of [again, spent]) await set(id, "lease_expires_at = now() - interval '1 ms'");
    const before = await image(live.id);
    const reaped = [...(await store.reapStale())].sort((a, b) => Number(a.id) - Number(b.id));
    equal(reaped, [
      { id: again.id, type: "a", status: "READY" },
      { id: spent.id, type: "a", status: "FAILED" },
    ]);
    equal([(await job(again.id)).attempts, (await job(again.id)).lockedBy], [1, null]);
    equal(await image(live.id), before);
    equal(await store.reapStale(), []);
  });

  promise("who lost its lease to a reap cannot settle", [], async (bench) => {
    const { store, running, set, settle, image } = queueOf(bench);
    const held = await running();
    await set(held.id, "lease_expires_at = now() - interval '1 ms'");
    await store.reapStale();
    const ready = await image(held.id);
    for (const settlement of outcomesOf(held)) equal((await settle(settlement)).verdict, "lost");
    equal(await image(held.id), ready);
    await store.pickup({ types: ["a"] });
    for (const settlement of outcomesOf(held)) equal((await settle(settlement)).verdict, "lost");
  });
}
