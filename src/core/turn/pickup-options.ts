import { InvalidInputError } from "../errors.ts";
import { checkJobTypes, checkWorkerId } from "../values/check-names.ts";
import { checkWhole } from "../values/check-number.ts";
import { checkOptions } from "../values/known-options.ts";

/** What `PgJobStore.pickup` picks up. */
export interface PickupOptions {
  readonly types: readonly string[];
  /** Most jobs, 1 to 1,000. @default 1 */
  readonly limit?: number | undefined;
  /** The worker's readable id. @default "pickup" */
  readonly workerId?: string | undefined;
  /** Length of the lease in milliseconds, 1 to 86,400,000. @default 30,000 */
  readonly leaseMs?: number | undefined;
}

const NAMES = { types: true, limit: true, workerId: true, leaseMs: true } as const satisfies Record<
  keyof PickupOptions,
  true
>;

const MAX_LEASE_MS = 86_400_000;
/** A runner's bound of the same name. */
const MAX_TIMEOUT_SECONDS = 2_147_483;

/** The options with their defaults. @throws InvalidInputError naming the option. */
export function checkPickup(options: PickupOptions): {
  readonly [K in keyof PickupOptions]-?: Exclude<PickupOptions[K], undefined>;
} {
  checkOptions(options, NAMES);
  const { types, limit = 1, workerId = "pickup", leaseMs = 30_000 } = options;
  const list: unknown = types;
  if (!Array.isArray(list) || list.length === 0) {
    throw new InvalidInputError("types", "a list of one job type or more", list);
  }
  checkJobTypes("types", types);
  checkWhole("limit", limit, 1, 1_000);
  checkWorkerId(workerId);
  if (!(leaseMs >= 1 && leaseMs <= MAX_LEASE_MS)) {
    throw new InvalidInputError("leaseMs", `milliseconds from 1 to ${MAX_LEASE_MS}`, leaseMs);
  }
  return { types, limit, workerId, leaseMs };
}

/** @throws InvalidInputError naming the argument. */
export function checkReap(defaultTimeoutSeconds: number, limit: number): void {
  if (!(defaultTimeoutSeconds >= 0 && defaultTimeoutSeconds <= MAX_TIMEOUT_SECONDS)) {
    throw new InvalidInputError(
      "defaultTimeoutSeconds",
      `seconds from 0 to ${MAX_TIMEOUT_SECONDS}`,
      defaultTimeoutSeconds,
    );
  }
  checkWhole("limit", limit, 1, 10_000);
}
