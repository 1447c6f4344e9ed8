import { admit } from "./clauses/admit.ts";
import { LOOK_FULL, OPENS_AT, blockedText, gate, limitRowsText } from "./clauses/gate.ts";
import { putAside } from "./clauses/put-aside.ts";
import { StoreLimits } from "./store-limits.ts";
import type { LimitKeeper } from "./store-limits.ts";

/**
 * Keeps the limits of contracts and operators, where a store has it as its option `limits`. A store without picks up
 * nothing of a type that has a row of limits.
 *
 * ```ts
 * const store = new PgJobStore(pgExecutor(pool), { jobs, limits: keepLimits });
 * ```
 */
export const keepLimits: LimitKeeper = {
  clauses: {
    behindPickUp: [gate, admit],
    behindTake: [putAside],
    rowsText: limitRowsText,
    blockedText,
    opensAt: OPENS_AT,
    lookFull: LOOK_FULL,
  },
  of: (jobs) => new StoreLimits(jobs),
};
