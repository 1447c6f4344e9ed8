/** `pqrun/keys`: what a `JobProducer` needs for `idempotencyKey`, `throttle` and `debounce`. A store has it. */
export { enqueueKeys } from "./core/enqueue/keys/enqueue-keys.ts";
export type { DebounceOptions, KeyOptions, ThrottleOptions } from "./core/enqueue/keys/key-options.ts";
