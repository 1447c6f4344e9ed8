/** `pqrun/limits`: what a store needs to keep limits of concurrency and rate. */
export type { Concurrency, Rate } from "./core/contract.ts";
export { keepLimits } from "./core/turn/keep-limits.ts";
export type { LimitKeeper } from "./core/turn/store-limits.ts";
