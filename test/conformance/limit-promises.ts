import { defineJob } from "../../src/core/contract.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { keepLimits } from "../../src/core/turn/keep-limits.ts";
import { equal } from "./assert.ts";
import { queueOf } from "./queue.ts";
import type { Promises } from "./subject.ts";

const jobs = {
  // Types of their own: a type that has a row of limits is left out by all other stores.
  limited: defineJob<{ host: string }>({ concurrency: { perKey: 2, key: ({ host }) => host } }),
  rated: defineJob<object>({ rate: { limit: 1, seconds: 3_600 } }),
};

/** What limits promise over any driver. */
export function limitPromises<Tx>(promise: Promises<Tx>): void {
  promise(
    "of three jobs of one key two run, and the third when one of them is settled",
    [],
    async (bench) => {
      const { settle } = queueOf(bench);
      const store = new PgJobStore<typeof jobs, Tx>(bench.executor, {
        ...bench.table,
        jobs,
        limits: keepLimits,
      });
      const host = "ключ 'k', {\"\\";
      const first = await store.enqueue("limited", { host });
      const [second, third, other] = await store.enqueueMany([
        { type: "limited", payload: { host } },
        { type: "limited", payload: { host: "other" }, concurrencyKey: host },
        { type: "limited", payload: { host }, concurrencyKey: "other", headers: { n: "1" } },
      ]);
      const picked = await store.pickup({ types: ["limited"], limit: 10 });
      equal(
        picked.map(({ id }) => id).sort(),
        [first.id, second?.id, other?.id].sort(),
        "two, and another key's",
      );
      equal((await store.pickup({ types: ["limited"], limit: 10 })).length, 0, "while they run");
      const [job] = picked.filter(({ id }) => id === first.id);
      if (job !== undefined) await settle({ job, durationMs: 1, outcome: "done", resultText: null });
      const next = await store.pickup({ types: ["limited"], limit: 10 });
      equal(
        next.map(({ id }) => id),
        [third?.id],
        "when one of them has ended",
      );
    },
  );

  promise("no more start than a rate allows", [], async (bench) => {
    const store = new PgJobStore<typeof jobs, Tx>(bench.executor, {
      ...bench.table,
      jobs,
      limits: keepLimits,
    });
    await store.enqueueMany([
      { type: "rated", payload: {} },
      { type: "rated", payload: {} },
    ]);
    equal((await store.pickup({ types: ["rated"], limit: 10 })).length, 1);
    equal((await store.pickup({ types: ["rated"], limit: 10 })).length, 0);
  });
}
