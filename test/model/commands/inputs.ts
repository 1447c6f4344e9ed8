import fc from "fast-check";

import type { Ending } from "../model-job.ts";

/** Few values, so that they meet. */
export const types = fc.constantFrom("a", "b");

/** Which job or attempt, from the last: the last ones most often. */
export const nth = fc.oneof({ weight: 3, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.nat(60) });

/** On the grid of the leases, delays and passing times, so that their ends coincide. */
export const spansMs = fc.constantFrom(0, 0, 1_000, 5_000, 10_000, 30_000, 60_000);

/** How an attempt ends. */
export const endings: fc.Arbitrary<Ending> = fc.oneof(
  fc.record({
    outcome: fc.constant("done" as const),
    result: fc.constantFrom(null, { n: 1 }, "text"),
    note: oftenNull(fc.constant("the result is not there")),
  }),
  fc.record({ outcome: fc.constant("retry" as const), error: fc.constant("boom"), dueInMs: spansMs }),
  fc.record({ outcome: fc.constant("fail" as const), error: fc.constant("no") }),
  fc.record({ outcome: fc.constant("snooze" as const), dueInMs: spansMs }),
  fc.record({ outcome: fc.constant("release" as const) }),
);

/** Null in half of the cases. */
export function oftenNull<T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof(fc.constant(null), values);
}
