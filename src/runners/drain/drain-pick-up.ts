import type { PickUp } from "../../core/turn/turn-request.ts";
import type { Budget } from "./budget.ts";
import type { CheckedDrain } from "./drain-options.ts";

/** A lease outlives its drain by this: an evicted isolate's jobs are soon due again. */
const LEASE_MARGIN_MS = 10_000;

/** A pick-up of a drain, under a nonce of its own. */
export function drainPickUp(
  { workerId, defaultTimeoutSeconds }: Pick<CheckedDrain, "workerId" | "defaultTimeoutSeconds">,
  budget: Budget,
  places: Pick<PickUp, "types" | "slots" | "buffer" | "shares" | "suspects">,
): PickUp {
  return {
    ...places,
    lockedBy: `${workerId}:${crypto.randomUUID()}`,
    leaseMs: Math.max(0, budget.remainingMs),
    // A buffered job's timeout begins when it starts, which may be at any time before the deadline.
    timeoutSeconds: (places.buffer ?? 0) > 0 ? undefined : defaultTimeoutSeconds,
    marginMs: LEASE_MARGIN_MS,
  };
}
