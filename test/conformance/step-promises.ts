import { stepsOf } from "../../src/core/operations/read-steps.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { steps } from "../../src/runners/job/job-steps.ts";
import { equal } from "./assert.ts";
import { marksOf } from "./marks.ts";
import { queueOf } from "./queue.ts";
import type { Promises } from "./subject.ts";

const BUDGET = { steps, budgetMs: 25_000 };

/** What steps promise over any driver. */
export function stepPromises<Tx>(promise: Promises<Tx>): void {
  promise("a job longer than a drain goes on in the next: each step once, one attempt", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const { id } = await store.enqueue("a", {});
    const ran: number[] = [];
    const reports: (readonly number[])[] = [];
    for (let drains = 0; drains < 9 && (await job(id)).status !== "DONE"; drains += 1) {
      const { done, continued, retried, released } = await drainOnce({
        ...BUDGET,
        store,
        maxStatements: 6,
        handlers: {
          a: async ({ step }) => {
            let sum = 0;
            for (let n = 1; n <= 8; n += 1) {
              sum += await step(`part ${n}`, () => {
                ran.push(n);
                return n;
              });
            }
            return { sum };
          },
        },
      });
      reports.push([done, continued, retried, released]);
    }
    equal(ran, [1, 2, 3, 4, 5, 6, 7, 8]);
    equal(reports, [
      [0, 1, 0, 0],
      [0, 1, 0, 0],
      [1, 0, 0, 0],
    ]);
    const { attempts, result } = await job(id);
    equal([attempts, result, await stepsOf(store, id)], [1, { sum: 36 }, []]);
  });

  promise("a failed job goes on behind its last step, and a sleep is waited out", [], async (bench) => {
    const { store, job, set } = queueOf(bench);
    const { id } = await store.enqueue("a", {}, { maxAttempts: 1 });
    const seen: unknown[] = [];
    let fails = true;
    const drain = async (): Promise<unknown> => {
      const { done, failed, snoozed } = await drainOnce({
        ...BUDGET,
        store,
        handlers: {
          a: async ({ step, sleep }) => {
            seen.push(await step("ü🐘", () => ({ at: new Date(0), run: seen.length })));
            if (fails) throw new Error("in between");
            await sleep("an hour", { seconds: 3_600 });
          },
        },
      });
      return [done, failed, snoozed];
    };
    equal(await drain(), [0, 1, 0]);
    equal(
      (await stepsOf(store, id)).map(({ name, attempt }) => [name, attempt]),
      [["ü🐘", 1]],
    );
    fails = false;
    await store.retry(id);
    equal(await drain(), [0, 0, 1]);
    equal([(await job(id)).status, (await job(id)).attempts], ["READY", 0]);
    // As though the hour had passed.
    await bench.sql(
      `UPDATE ${bench.names.steps} SET wakes_at = now() - interval '1 minute' WHERE wakes_at IS NOT NULL`,
    );
    await set(id, "run_after = now()");
    equal(await drain(), [1, 0, 0]);
    const first = { at: "1970-01-01T00:00:00.000Z", run: 0 };
    equal(seen, [first, first, first]);
  });

  promise("a step and its effects are one transaction", ["transaction"], async (bench) => {
    const { store } = queueOf(bench);
    const marks = await marksOf(bench);
    await store.enqueue("a", {});
    const report = await drainOnce({
      ...BUDGET,
      store,
      handlers: {
        a: async ({ step, stepIn }) => {
          const effect = (fails: boolean): Promise<unknown> =>
            step("effect", () =>
              store.transaction(async (tx) => {
                const { text, params } = marks.insert("effect");
                await tx.query(text, params);
                await stepIn(tx, "effect", { once: true });
                if (fails) throw new Error("rolled back");
              }),
            );
          await effect(true).catch(() => undefined);
          equal(await marks.all(), []);
          equal(await effect(false), { once: true });
        },
      },
    });
    equal([report.done, await marks.all()], [1, ["effect"]]);
  });

  promise(
    "a step and its effects are one batch, which fails where it is remembered",
    ["batch"],
    async (bench) => {
      const { store } = queueOf(bench);
      const marks = await marksOf(bench);
      await store.enqueue("a", {});
      const report = await drainOnce({
        ...BUDGET,
        store,
        handlers: {
          a: async ({ step, stepStatement }) => {
            await step("effect", async () => {
              const remember = stepStatement("effect", 1);
              await bench.executor.batch([marks.insert("effect"), remember]);
              const again = bench.executor.batch([marks.insert("again"), remember]);
              equal(
                await again.then(
                  () => "went through",
                  () => "failed",
                ),
                "failed",
              );
            });
          },
        },
      });
      equal([report.done, await marks.all()], [1, ["effect"]]);
    },
  );
}
