import fc from "fast-check";

import { kind } from "../command.ts";

/** Time passes: on the grid of the leases, and one millisecond beside it. */
export const pass = kind(
  "pass",
  fc.constantFrom<number[]>(1_000, 5_000, 10_000, 30_000, 60_000, 1, 999, 3_600_000),
  () => Promise.resolve(),
  (passesMs) => ({ passesMs }),
);
