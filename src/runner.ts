/** `pqrun/runner`: what pqrun's own runners ask of a store, for those who write another. It changes with them. */
export { runnerStore } from "./core/runner-store.ts";
export type { RunnerStore } from "./core/runner-store.ts";
export type { ExtendAnswer, ExtendVerdict } from "./core/operations/extend.ts";
export { OUTCOMES } from "./core/turn/settlement.ts";
export type { Outcome, Settlement } from "./core/turn/settlement.ts";
export type { TurnAnswer } from "./core/turn/turn-answer.ts";
export type { Lane, PickUp, Reap, TurnRequest } from "./core/turn/turn-request.ts";
