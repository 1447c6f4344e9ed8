import type { JobContracts } from "../../core/contract.ts";
import type { SqlExecutor, SqlStatement } from "../../core/executor.ts";
import type { PickedUpJob } from "../../core/job.ts";
import type { Logger } from "../../core/logger.ts";
import type { PgJobStore } from "../../core/store.ts";
import type { JobContext } from "./handler.ts";
import type { RunSteps } from "./run-steps.ts";

/** What a context asks of the run that it belongs to. */
export interface HandlerRun {
  readonly signal: AbortSignal;
  /** The handler is about to settle itself. @returns how long it has run, in milliseconds */
  settling(): number;
  /** Whether the steps go when the job is DONE. */
  readonly forgetsSteps: boolean;
  /** Made when they are first asked for. @throws InvalidInputError where the runner was given none */
  readonly steps: RunSteps;
}

/**
 * The run of a context. No `#private` member, which nobody has but the very object: a library may put a Proxy before the
 * context, or make another one of it with `Object.create`.
 */
export const RUN = Symbol("pqrun.run");

/**
 * One getter for all, the context's own property: code that copies a context with
 * `{ ...ctx }` has the signal too. A getter in a literal is another one each
 * time, with which V8 makes a dictionary of the object: four times as slow, and
 * a kilobyte more for each job.
 */
const SIGNAL: PropertyDescriptor = {
  enumerable: true,
  get(this: HandlerContext) {
    return this[RUN].signal;
  },
};

/** Behind the worker's id `locked_by` has a colon and the UUID of the pick-up. */
const NONCE_LENGTH = 37;

type HandlerContextMethods = JobContext<JobContracts, string>;

/** What a handler is given. Its signal is made when it is first asked for. */
export class HandlerContext implements JobContext<JobContracts, string> {
  declare readonly signal: AbortSignal;
  readonly payload: unknown;
  readonly job: PickedUpJob;
  readonly store: PgJobStore<JobContracts>;
  readonly logger: Logger;
  readonly workerId: string;
  readonly settleIn: (tx: SqlExecutor, result?: unknown) => Promise<void>;
  readonly settleStatement: (result?: unknown) => SqlStatement;
  readonly step: HandlerContextMethods["step"];
  readonly stepIn: HandlerContextMethods["stepIn"];
  readonly stepStatement: HandlerContextMethods["stepStatement"];
  readonly sleep: HandlerContextMethods["sleep"];
  readonly steps: HandlerContextMethods["steps"];
  declare readonly [RUN]: HandlerRun;

  constructor(
    payload: unknown,
    job: PickedUpJob,
    store: PgJobStore<JobContracts>,
    logger: Logger,
    run: HandlerRun,
  ) {
    this.payload = payload;
    this.job = job;
    this.store = store;
    this.logger = logger;
    this.workerId = job.lockedBy.slice(0, -NONCE_LENGTH);
    // Of their own, so that a handler may take them out of the context.
    this.settleIn = settlingIn(job, store, run);
    this.settleStatement = settlingStatement(job, store, run);
    this.step = stepping(run);
    this.stepIn = steppingIn(run);
    this.stepStatement = steppingStatement(run);
    this.sleep = sleeping(run);
    this.steps = listing(run);
    this[RUN] = run;
    Object.defineProperty(this, "signal", SIGNAL);
  }
}

/*
 * Each made by a function of its own: what is written as `this.settleIn = () => …` V8 allocates as old from the beginning,
 * and whatever that refers to, the job and its payload, stays until all of the heap is collected (measured: it was half of
 * what a worker at work needed).
 */

function settlingIn(
  job: PickedUpJob,
  store: PgJobStore<JobContracts>,
  run: HandlerRun,
): HandlerContext["settleIn"] {
  return async (tx, result) => {
    await store.settleIn(tx, job, result, run.settling(), run.forgetsSteps);
  };
}

function settlingStatement(
  job: PickedUpJob,
  store: PgJobStore<JobContracts>,
  run: HandlerRun,
): HandlerContext["settleStatement"] {
  return (result) => store.settleStatement(job, result, run.settling(), run.forgetsSteps);
}

function stepping(run: HandlerRun): HandlerContext["step"] {
  return (name, work) => run.steps.step(name, work);
}

function steppingIn(run: HandlerRun): HandlerContext["stepIn"] {
  return (tx, name, value) => run.steps.stepIn(tx, name, value);
}

function steppingStatement(run: HandlerRun): HandlerContext["stepStatement"] {
  return (name, value) => run.steps.stepStatement(name, value);
}

function sleeping(run: HandlerRun): HandlerContext["sleep"] {
  return (name, until) => run.steps.sleep(name, until);
}

function listing(run: HandlerRun): HandlerContext["steps"] {
  return () => run.steps.list();
}
