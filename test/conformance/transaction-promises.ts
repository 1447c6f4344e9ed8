import type { SqlExecutor, SqlStatement } from "../../src/core/executor.ts";
import { sqlState } from "../../src/core/sql/sql-state.ts";
import { equal, ok, rejected } from "./assert.ts";
import { marksOf } from "./marks.ts";
import { valuesOf } from "./rows.ts";
import type { Promises } from "./subject.ts";

/** What an executor promises of batches, of transactions, and of those that its caller opens. */
export function transactionPromises<Tx>(promise: Promises<Tx>): void {
  batches(promise);
  transactions(promise);
  driversTransactions(promise);
}

const run = (executor: SqlExecutor, { text, params }: SqlStatement): ReturnType<SqlExecutor["query"]> =>
  executor.query(text, params);

function batches<Tx>(promise: Promises<Tx>): void {
  promise("a batch runs in order, each statement seeing those before it", ["batch"], async (bench) => {
    const marks = await marksOf(bench);
    const count = { text: "SELECT count(*)::text AS a FROM public.pqrun_conformance_marks", params: [] };
    const answers = await bench.executor.batch([count, marks.insert("a"), count, marks.insert("b"), count]);
    equal(answers.map(valuesOf), [[["0"]], [["a"]], [["1"]], [["b"]], [["2"]]]);
    equal(await marks.all(), ["a", "b"]);
  });

  promise("a batch of which one statement fails leaves nothing", ["batch"], async (bench) => {
    const marks = await marksOf(bench);
    const batch = [marks.insert("a"), marks.insert("b"), marks.insert("a"), marks.insert("c")];
    equal(sqlState(await rejected(bench.executor.batch(batch))), "23505");
    equal(await marks.all(), []);
    equal((await bench.executor.batch([marks.insert("d")])).map(valuesOf), [[["d"]]], "the next batch");
    equal(await marks.all(), ["d"]);
  });
}

function transactions<Tx>(promise: Promises<Tx>): void {
  promise(
    "a transaction is seen by others when it has resolved, not before",
    ["transaction", "rival"],
    async (bench) => {
      const marks = await marksOf(bench);
      const result = await bench.executor.transaction(async (tx) => {
        await run(tx, marks.insert("a"));
        equal(await marks.all(), [], "while it is open");
        return [await run(tx, marks.insert("b")).then(valuesOf)];
      });
      equal(result, [[["b"]]], "what its work returned");
      equal(await marks.all(), ["a", "b"]);
    },
  );

  promise(
    "a transaction whose work rejects leaves nothing and rejects with that",
    ["transaction"],
    async (bench) => {
      const marks = await marksOf(bench);
      const reason = { any: "value" };
      const failing = bench.executor.transaction(async (tx) => {
        await run(tx, marks.insert("a"));
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- a handler may throw anything
        throw reason;
      });
      ok((await rejected(failing)) === reason, "what its work rejected with");
      equal(await marks.all(), []);
    },
  );

  promise(
    "a failed statement rolls its transaction back, with its SQLSTATE",
    ["transaction"],
    async (bench) => {
      const marks = await marksOf(bench);
      const failing = bench.executor.transaction(async (tx) => {
        await run(tx, marks.insert("a"));
        await run(tx, marks.insert("a"));
      });
      equal(sqlState(await rejected(failing)), "23505");
      equal(await marks.all(), []);
      await bench.executor.transaction((tx) => run(tx, marks.insert("b")));
      equal(await marks.all(), ["b"], "the next transaction");
    },
  );

  promise(
    "a transaction is never taken for committed after a failed statement",
    ["transaction"],
    async (bench) => {
      const marks = await marksOf(bench);
      const swallowing = bench.executor.transaction(async (tx) => {
        await run(tx, marks.insert("a"));
        await run(tx, marks.insert("a")).catch(() => undefined);
      });
      equal(sqlState(await rejected(swallowing)), "23505", "the error behind the refusal");
      equal(await marks.all(), []);
    },
  );

  promise("the executor of a transaction is of no use after it", ["transaction"], async (bench) => {
    const marks = await marksOf(bench);
    const leaked = await bench.executor.transaction((tx) => Promise.resolve({ tx }));
    await rejected(run(leaked.tx, marks.insert("late")));
    equal(await marks.all(), []);
  });

  promise("statements sent at once in a transaction all belong to it", ["transaction"], async (bench) => {
    const marks = await marksOf(bench);
    const letters = ["a", "b", "c", "d", "e"];
    await bench.executor.transaction((tx) =>
      Promise.all(letters.map((letter) => run(tx, marks.insert(letter)))),
    );
    equal(await marks.all(), letters);
    const failing = bench.executor.transaction(async (tx) => {
      await Promise.all(["f", "g", "f"].map((letter) => run(tx, marks.insert(letter))));
    });
    equal(sqlState(await rejected(failing)), "23505");
    equal(await marks.all(), letters);
  });

  promise("transactions at once do not mix", ["transaction", "rival"], async (bench) => {
    const marks = await marksOf(bench);
    const outcomes = await Promise.allSettled(
      ["a", "b", "c", "d"].map((letter, index) =>
        bench.executor.transaction(async (tx) => {
          await run(tx, marks.insert(letter));
          await run(tx, marks.insert(`${letter}2`));
          if (index % 2 === 1) throw new Error("no");
        }),
      ),
    );
    equal(
      outcomes.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled", "rejected"],
    );
    equal(await marks.all(), ["a", "a2", "c", "c2"]);
  });
}

function driversTransactions<Tx>(promise: Promises<Tx>): void {
  promise("with(tx) speaks inside the driver's own transaction, which commits", ["with"], async (bench) => {
    const marks = await marksOf(bench);
    await bench.begin(async (tx) => {
      equal(valuesOf(await run(bench.executor.with(tx), marks.insert("a"))), [["a"]]);
    });
    equal(await marks.all(), ["a"]);
  });

  promise("with(tx) leaves nothing where the driver rolls back", ["with"], async (bench) => {
    const marks = await marksOf(bench);
    const reason = new Error("no");
    const failing = bench.begin(async (tx) => {
      await run(bench.executor.with(tx), marks.insert("a"));
      throw reason;
    });
    ok((await rejected(failing)) === reason, "what was thrown");
    equal(await marks.all(), []);
  });
}
