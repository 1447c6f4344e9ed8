import { isPqrunError } from "../../src/core/errors.ts";
import { sqlState } from "../../src/core/sql/sql-state.ts";
import { equal, ok, rejected } from "./assert.ts";
import { marksOf } from "./marks.ts";
import { queueOf, staleFences } from "./queue.ts";
import { valuesOf } from "./rows.ts";
import type { Promises } from "./subject.ts";

/** What the queue promises of an application's own transactions. */
export function queueTransactionPromises<Tx>(promise: Promises<Tx>): void {
  enqueues(promise);
  settlements(promise);
  lists(promise);
}

function enqueues<Tx>(promise: Promises<Tx>): void {
  promise("a job enqueued in a transaction exists exactly if it commits", ["transaction"], async (bench) => {
    const { store } = queueOf(bench);
    const { id, created } = await store.transaction(async (tx) => {
      const inside = store.with(tx);
      await inside.enqueueMany([{ type: "b", payload: {} }]);
      return await inside.enqueue("a", { n: 1 });
    });
    ok(created, "created");
    equal(
      (await store.list()).map(({ type }) => type),
      ["a", "b"],
    );
    const failing = store.transaction(async (tx) => {
      await store.with(tx).enqueue("a", {});
      throw new Error("no");
    });
    await rejected(failing);
    equal((await store.list()).length, 2);
    equal((await store.get(id))?.payload, { n: 1 });
  });

  promise("the same through the driver's own transaction", ["with"], async (bench) => {
    const { store } = queueOf(bench);
    await bench.begin(async (tx) => {
      await store.with(tx).enqueue("a", { n: 1 });
    });
    const failing = bench.begin(async (tx) => {
      await store.with(tx).enqueue("b", {});
      throw new Error("no");
    });
    await rejected(failing);
    equal(
      (await store.list()).map(({ type }) => type),
      ["a"],
    );
  });

  promise("a dedupe key in a transaction finds the active job", ["transaction"], async (bench) => {
    const { store } = queueOf(bench);
    const { id } = await store.enqueue("a", {}, { dedupeKey: "k" });
    const inside = await store.transaction((tx) => store.with(tx).enqueue("a", {}, { dedupeKey: "k" }));
    equal(inside, { id, created: false });
  });
}

function settlements<Tx>(promise: Promises<Tx>): void {
  promise("settleIn commits with the handler's own writes", ["transaction"], async (bench) => {
    const { store, running, job, settle } = queueOf(bench);
    const marks = await marksOf(bench);
    const held = await running();
    await store.transaction(async (tx) => {
      const { text, params } = marks.insert("effect");
      await tx.query(text, params);
      await store.settleIn(tx, held, { n: 1 }, 7);
    });
    const { status, result, durationMs } = await job(held.id);
    equal([status, result, durationMs, await marks.all()], ["DONE", { n: 1 }, 7, ["effect"]]);
    const again = await settle({ job: held, durationMs: 1, outcome: "done", resultText: null });
    equal(again.verdict, "already");
  });

  promise(
    "settleIn with the lease gone leaves nothing of its transaction",
    ["transaction"],
    async (bench) => {
      const { store, running, image } = queueOf(bench);
      const marks = await marksOf(bench);
      const held = await running();
      const before = await image(held.id);
      for (const fence of staleFences(held)) {
        const failing = store.transaction(async (tx) => {
          const { text, params } = marks.insert("effect");
          await tx.query(text, params);
          await store.settleIn(tx, fence);
        });
        ok(isPqrunError(await rejected(failing), "lease-lost"), "LeaseLostError");
      }
      equal([await marks.all(), await image(held.id)], [[], before]);
    },
  );

  promise("settleIn speaks inside the driver's own transaction", ["with"], async (bench) => {
    const { store, running, job } = queueOf(bench);
    const [kept, undone] = [await running(), await running()];
    await bench.begin((tx) => store.settleIn(tx, kept, { n: 2 }));
    const failing = bench.begin(async (tx) => {
      await store.settleIn(tx, undone);
      throw new Error("no");
    });
    await rejected(failing);
    equal([(await job(kept.id)).status, (await job(undone.id)).status], ["DONE", "RUNNING"]);
  });
}

function lists<Tx>(promise: Promises<Tx>): void {
  promise("enqueueStatement in a batch exists exactly if the batch does", ["batch"], async (bench) => {
    const { store, job } = queueOf(bench);
    const marks = await marksOf(bench);
    const enqueue = await store.enqueueStatement("a", { n: 1 }, { dedupeKey: "k" });
    const [, first] = await bench.executor.batch([marks.insert("a"), enqueue]);
    const [[id, created] = []] = valuesOf(first ?? []);
    equal([created, (await job(String(id))).payload], ["true", { n: 1 }]);
    const [again] = await bench.executor.batch([enqueue]);
    equal(valuesOf(again ?? []), [[id, "false", "a"]], "the active job's id and type");
    const other = await store.enqueueStatement("b", {});
    equal(sqlState(await rejected(bench.executor.batch([other, marks.insert("a")]))), "23505");
    equal(
      (await store.list()).map(({ type }) => type),
      ["a"],
    );
  });

  promise("settleStatement in a batch commits with the handler's own writes", ["batch"], async (bench) => {
    const { store, running, job } = queueOf(bench);
    const marks = await marksOf(bench);
    const held = await running();
    await bench.executor.batch([marks.insert("effect"), store.settleStatement(held, { n: 1 }, 7)]);
    const { status, result, durationMs } = await job(held.id);
    equal([status, result, durationMs, await marks.all()], ["DONE", { n: 1 }, 7, ["effect"]]);
  });

  promise("settleStatement with the lease gone refuses the whole list", ["batch"], async (bench) => {
    const { store, running, image } = queueOf(bench);
    const marks = await marksOf(bench);
    const held = await running();
    const before = await image(held.id);
    for (const fence of staleFences(held)) {
      const list = [marks.insert("before"), store.settleStatement(fence), marks.insert("after")];
      const error = await rejected(bench.executor.batch(list));
      equal(sqlState(error), "22P02");
      ok(String(error).includes("lease lost"), "the error says why");
    }
    equal([await marks.all(), await image(held.id)], [[], before]);
  });
}
