import type { JobContracts, Jsonified } from "../../core/contract.ts";
import type { SqlExecutor, SqlStatement } from "../../core/executor.ts";
import type { PickedUpJob } from "../../core/job.ts";
import type { Step } from "../../core/operations/read-steps.ts";
import type { PgJobStore } from "../../core/store.ts";
import type { Settlement } from "../../core/turn/settlement.ts";
import type { StepRoom } from "./step-room.ts";

/** How long a sleep lasts, or until when. */
export type Sleep = { readonly seconds: number } | Date;

/** The run whose steps these are. */
export interface StepRun {
  readonly job: PickedUpJob;
  readonly store: PgJobStore<JobContracts>;
  readonly room: StepRoom;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Whether the handler is to end, since its drain's time or its runner is over. */
  ends(): boolean;
}

/** The steps of one run, as its context and its end use them. */
export interface RunSteps {
  step<T>(name: string, work: () => T): Promise<Jsonified<Awaited<T>>>;
  stepIn(tx: SqlExecutor, name: string, value: unknown): Promise<void>;
  stepStatement(name: string, value: unknown): SqlStatement;
  sleep(name: string, until: Sleep): Promise<void>;
  list(): Promise<readonly Step[]>;
  /** @throws SnoozeError where the run is over, and its job goes on in another one. */
  throwIfOver(): void;
  /** Ends once no step is under way: what is done is to be remembered before its job is anybody else's. */
  atRest(): Promise<void>;
  /** The run's settlement, by what its handler has come to. */
  settlement(concluded: Settlement | null, durationMs: number, keeps: boolean): Settlement | null;
}

/** What runners need for handlers that use `ctx.step`: `steps` of `pqrun/steps`, a runner's option. */
export interface Steps {
  /** The steps of one run. @internal */
  of(run: StepRun): RunSteps;
}
