import fc from "fast-check";
import { expect, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { insertJobs } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

/** What JSON, jsonb or text can't hold, among what they can. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("\0", "a\0b", "\ud800", "\udc00\ud800", "\uffff", "\u0000".repeat(50), "x".repeat(20_000)),
);
const cycle = fc.string().map((key) => {
  const self: Record<string, unknown> = { key };
  self["self"] = [self];
  return self;
});
const odd: fc.Arbitrary<unknown> = fc.oneof(
  text,
  fc.bigInt(),
  cycle,
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSparseArray: true,
    withNullPrototype: true,
  }),
  fc.dictionary(text, fc.oneof(text, fc.bigInt(), fc.double())),
  fc.constantFrom(Symbol("s"), () => 1, Number.NaN, -0, new Date(Number.NaN), Object.create(null) as object),
  text.map((message) => Object.assign(new Error(message, { cause: message }), { code: message })),
  cycle.map((cause) => new AggregateError([cause], "all", { cause })),
);

const JOBS = 60;

test("12: NUL, surrogates, BigInt and cycles in results and errors strand no job, nor one of its batch", async () => {
  const store = pooledStore(queue);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ value: odd, throws: fc.boolean() }), { minLength: JOBS, maxLength: JOBS }),
      async (ends) => {
        await queue.rows("TRUNCATE jobs");
        await insertJobs(queue, JOBS);
        const report = await drainOnce({
          store,
          concurrency: JOBS,
          budgetMs: 20_000,
          handlers: {
            a: ({ payload }) => {
              const end = ends[Number(payload["n"]) - 1];
              if (end?.throws === true) throw end.value;
              return end?.value;
            },
          },
        });
        const thrown = ends.filter(({ throws }) => throws).length;
        expect(report).toMatchObject({
          done: JOBS - thrown,
          retried: thrown,
          unsettled: 0,
          stoppedBy: "empty",
        });
        const rows = await queue.rows(`
          SELECT status, attempts, last_error IS NULL AS silent FROM jobs
           WHERE status = 'RUNNING' OR attempts <> 1 OR (status = 'READY' AND last_error IS NULL)`);
        expect(rows).toEqual([]);
      },
    ),
    { numRuns: 30 },
  );
});
