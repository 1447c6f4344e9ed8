import { equal, ok } from "./assert.ts";
import { queueOf } from "./queue.ts";
import type { Promises } from "./subject.ts";

/** What the operations by hand promise: cancel, retry, prune, get, list, stats. */
export function rowPromises<Tx>(promise: Promises<Tx>): void {
  promise("cancel ends a READY and a RUNNING job, whose holder learns of it", [], async (bench) => {
    const { store, running, settle, job } = queueOf(bench);
    const held = await running();
    const { id } = await store.enqueue("a", {});
    for (const one of [id, held.id]) equal(await store.cancel(one), { cancelled: true, status: "CANCELLED" });
    equal((await job(id)).status, "CANCELLED");
    equal(
      (await store.extend([held], 1_000)).map(({ verdict }) => verdict),
      ["cancelled"],
    );
    const { verdict } = await settle({ job: held, durationMs: 1, outcome: "done", resultText: null });
    equal(verdict, "cancelled");
    equal((await job(held.id)).result, null);
  });

  promise("cancel leaves a finished job, and says that one is not there", [], async (bench) => {
    const { store, running, image } = queueOf(bench);
    const done = await running();
    await store.markDone(done);
    const before = await image(done.id);
    equal(await store.cancel(done.id), { cancelled: false, status: "DONE" });
    equal(await image(done.id), before);
    equal(await store.cancel("9223372036854775807"), { cancelled: false, status: null });
  });

  promise("retry makes a FAILED job READY, its attempts beginning anew", [], async (bench) => {
    const { store, running, settle } = queueOf(bench);
    const held = await running();
    await settle({ job: held, durationMs: 1, outcome: "fail", error: "x" });
    equal(await store.retry(held.id), { retried: true, status: "READY" });
    equal(await store.retry(held.id), { retried: false, status: "READY" });
    equal(
      (await store.pickup({ types: ["a"] })).map(({ id, attempts }) => [id, attempts]),
      [[held.id, 1]],
    );
    equal(await store.retry("9223372036854775807"), { retried: false, status: null });
  });

  promise("retry refuses while another job has the dedupe key", [], async (bench) => {
    const { store, running, settle, image } = queueOf(bench);
    const held = await running({ dedupeKey: "k" });
    await settle({ job: held, durationMs: 1, outcome: "fail", error: "x" });
    const { id: blockedBy } = await store.enqueue("a", {}, { dedupeKey: "k" });
    const before = await image(held.id);
    equal(await store.retry(held.id), { retried: false, status: "FAILED", blockedBy });
    equal(await image(held.id), before);
  });

  promise("prune deletes finished jobs by age and state, to its limit", [], async (bench) => {
    const { store, running, set, settle } = queueOf(bench);
    const old: string[] = [];
    for (const outcome of ["done", "done", "fail"] as const) {
      const held = await running();
      await settle(
        outcome === "done"
          ? { job: held, durationMs: 1, outcome, resultText: null }
          : { job: held, durationMs: 1, outcome, error: "x" },
      );
      await set(held.id, "finished_at = now() - interval '2 hours'");
      old.push(held.id);
    }
    const young = await running();
    await store.markDone(young);
    const ready = await store.enqueue("a", {});
    equal(await store.prune({ olderThanSeconds: 3_600, statuses: ["DONE"], limit: 1 }), {
      deleted: 1,
      more: true,
    });
    equal(await store.prune({ olderThanSeconds: 3_600 }), { deleted: 2, more: false });
    for (const id of old) equal(await store.get(id), null);
    equal(
      (await store.list()).map(({ id }) => id),
      [ready.id, young.id],
    );
  });

  promise("get answers null where there is no such job", [], async (bench) => {
    equal(await queueOf(bench).store.get("9223372036854775807"), null);
  });

  promise("list is newest first, by state and type, page by page", [], async (bench) => {
    const { store } = queueOf(bench);
    const enqueued = await store.enqueueMany(["a", "b", "a", "c'"].map((type) => ({ type, payload: {} })));
    const [first, second, third, fourth] = enqueued.map(({ id }) => id);
    await store.cancel(second ?? "");
    const ids = async (options: Parameters<typeof store.list>[0]): Promise<string[]> =>
      (await store.list(options)).map(({ id }) => id);
    equal(await ids({}), [fourth, third, second, first]);
    equal(await ids({ limit: 2 }), [fourth, third]);
    equal(await ids({ limit: 2, ...(third === undefined ? {} : { beforeId: third }) }), [second, first]);
    equal(await ids({ types: ["a", "c'"] }), [fourth, third, first]);
    equal(await ids({ statuses: ["CANCELLED", "DONE"] }), [second]);
    equal(await ids({ statuses: [] }), []);
  });

  promise("stats counts by state and type", [], async (bench) => {
    const { store, running, set } = queueOf(bench);
    const held = await running();
    await set(held.id, "lease_expires_at = now() - interval '1 s'");
    await store.enqueueMany([
      { type: "__proto__", payload: {} },
      { type: "a", payload: {}, runAfter: new Date("2099-01-01T00:00:00Z") },
    ]);
    const { counts, types, due, leasesEnded, oldestDueSeconds, tableAge } = await store.stats();
    equal(counts, { READY: 2, RUNNING: 1, DONE: 0, FAILED: 0, CANCELLED: 0 });
    equal(Object.entries(types), [
      ["__proto__", { READY: 1 }],
      ["a", { READY: 1, RUNNING: 1 }],
    ]);
    equal([due, leasesEnded], [1, 1]);
    ok((oldestDueSeconds ?? -1) >= 0 && tableAge >= 0, "ages");
  });
}
