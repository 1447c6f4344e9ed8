import type { JobContract, JobContracts } from "../../core/contract.ts";
import { errorText } from "../../core/values/error-text.ts";
import { InvalidInputError } from "../../core/errors.ts";
import type { PickedUpJob } from "../../core/job.ts";
import { RESULT_LIMITS, encodeJson } from "../../core/values/json.ts";
import type { Logger } from "../../core/logger.ts";
import type { BackoffPolicy } from "../../core/delay-policies.ts";
import { isThenable } from "../../core/safely.ts";
import type { Settlement } from "../../core/turn/settlement.ts";
import { issuesText } from "../../core/values/standard-schema.ts";
import type { PgJobStore } from "../../core/store.ts";
import { settlementOf } from "./settlement-of.ts";
import type { HandlerResult } from "./settlement-of.ts";
import { HandlerContext } from "./handler-context.ts";
import type { HandlerRun } from "./handler-context.ts";
import type { AbortReason, JobContext } from "./handler.ts";
import { JobAbortedError } from "./job-aborted.ts";
import { FinishedRun } from "./finished-run.ts";
import type { RunSteps, Steps } from "./run-steps.ts";
import type { SharedSlot } from "./shared-slot.ts";
import type { StepRoom } from "./step-room.ts";
import { withoutLeakWarning } from "./quiet-signal.ts";
import { MAX_TIMER_MS, clearTimeout, setTimeout } from "../timers.ts";

/** A handler as a runner calls it, its types gone. */
export type AnyHandler = (ctx: JobContext<JobContracts, string>) => unknown;

/** What all jobs of one runner have in common. */
export interface RunJobOptions {
  readonly store: PgJobStore<JobContracts>;
  readonly handlers: ReadonlyMap<string, AnyHandler>;
  readonly backoff: BackoffPolicy;
  /** For a job without `timeoutSeconds` of its own. */
  readonly timeoutSeconds: number;
  readonly logger: Logger;
  readonly redact: ((text: string) => string) | undefined;
  readonly steps?: Steps | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** What makes a run, and hears of its end. */
export interface RunOwner {
  /** The handler is about to start. @returns whether it may */
  begins(run: JobRun): boolean;
  /** What there is for its steps. */
  readonly stepRoom: StepRoom;
  ended(run: JobRun, end: FinishedRun): void;
}

/** How long after its timeout, or without its lease, a handler may still end by itself, in milliseconds. */
const GRACE_MS = 1_000;

/** One handler, at work once it has begun. Its end is reported once, whether the handler ends or is given up on. */
export class JobRun {
  readonly job: PickedUpJob;
  readonly #options: RunJobOptions;
  readonly #owner: RunOwner;
  /** Made when it is first asked for: most handlers of short jobs never do, and it costs as much as the rest of a run. */
  #controller: AbortController | undefined;
  #reason: AbortReason | undefined;
  /** What the signal has as its reason. */
  #aborted: JobAbortedError | undefined;
  /** By the runner's clock. */
  startedAt: number;
  /** Where it is in its {@link RunSet}. */
  place = -1;
  /** Counted from its beginning. */
  timeoutMs: number;
  /** The slot that it shares with others, if it does. */
  shared: SharedSlot<JobRun> | undefined = undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #begun = false;
  /** Whether it is soon given up on. */
  #soon = false;
  #settledItself = false;
  #ended = false;
  #steps: RunSteps | undefined;
  /** What the handler has come to, while steps are under way. */
  #result: HandlerResult | undefined;

  constructor(options: RunJobOptions, job: PickedUpJob, owner: RunOwner) {
    this.job = job;
    this.#options = options;
    this.#owner = owner;
    this.startedAt = options.now();
    this.timeoutMs = Math.min((job.timeoutSeconds ?? options.timeoutSeconds) * 1000, MAX_TIMER_MS);
  }

  /** Starts the handler, unless its owner refuses, or the run has ended before. */
  begin(): void {
    if (this.#ended) return;
    if (!this.#owner.begins(this)) {
      this.#giveBack();
      return;
    }
    this.#begun = true;
    this.startedAt = this.#options.now();
    this.#timer = setTimeout(() => {
      this.abortSoon("timeout");
    }, this.timeoutMs);
    void this.#run();
  }

  /** Aborts the handler's signal; the first reason stands. What has not begun is given back. */
  abort(reason: AbortReason): void {
    this.#abortSignal(reason);
    if (!this.#begun) this.#giveBack();
  }

  /** Aborts the handler's signal, and soon waits for the handler no longer. */
  abortSoon(reason: "timeout" | "lost"): void {
    this.abort(reason);
    if (this.#ended || this.#soon) return;
    this.#soon = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.giveUp();
    }, GRACE_MS);
  }

  /** Waits for the handler no longer. */
  giveUp(): void {
    if (this.#begun) this.#end(this.#result ?? { kind: "given-up" });
    else this.#giveBack();
  }

  /** The lease is gone: aborts the handler, and whatever it does writes nothing. */
  abandon(reason: "lost" | "cancelled"): void {
    this.#abortSignal(reason);
    this.#report(null, reason);
  }

  #abortSignal(reason: AbortReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    // Made for a signal alone: most handlers that are aborted have asked for none.
    if (this.#controller !== undefined) this.#abortNow(this.#controller, reason);
  }

  #abortNow(controller: AbortController, reason: AbortReason): void {
    this.#aborted ??= new JobAbortedError(reason);
    controller.abort(this.#aborted);
  }

  #giveBack(): void {
    this.#report({ job: this.job, durationMs: null, outcome: "release" }, undefined);
  }

  async #run(): Promise<void> {
    this.#result = await runHandler(this.#options, this.job, this);
    if (this.#steps !== undefined) await this.#steps.atRest();
    this.#end(this.#result);
  }

  /** The handler's signal. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      withoutLeakWarning(this.#controller.signal);
    }
    if (this.#reason !== undefined) this.#abortNow(this.#controller, this.#reason);
    return this.#controller.signal;
  }

  /** The handler is about to settle itself. @returns how long it has run, in milliseconds */
  settling(): number {
    this.#steps?.throwIfOver();
    this.#settledItself = true;
    return this.#options.now() - this.startedAt;
  }

  /** What the handler remembers between its attempts. */
  get steps(): RunSteps {
    const { store, now, steps } = this.#options;
    if (steps === undefined)
      throw new InvalidInputError("steps", 'those of "pqrun/steps" among the runner\'s options', steps);
    return (this.#steps ??= steps.of({
      ...{ job: this.job, store, now, room: this.#owner.stepRoom },
      ends: () => this.#reason === "deadline" || this.#reason === "shutdown",
    }));
  }

  /** Whether the steps go when the job is DONE: a run that has used none leaves them alone. */
  get forgetsSteps(): boolean {
    return this.#steps !== undefined && !this.#keepsSteps;
  }

  get #keepsSteps(): boolean {
    return contractOf(this.#options.store, this.job.type)?.keepSteps === true;
  }

  #end(result: HandlerResult): void {
    if (this.#ended) return;
    const { backoff, redact, now } = this.#options;
    const durationMs = now() - this.startedAt;
    const concluded = settlementOf(result, {
      job: this.job,
      durationMs,
      reason: this.#reason,
      aborted: this.#aborted,
      settledItself: this.#settledItself,
      remove: contractOf(this.#options.store, this.job.type)?.retain?.done === 0,
      timeoutMs: this.timeoutMs,
      backoff,
      redact,
    });
    const steps = this.#steps;
    const settlement =
      steps === undefined ? concluded : steps.settlement(concluded, durationMs, this.#keepsSteps);
    this.#report(settlement, this.#reason, "error" in result ? result.error : undefined);
  }

  #report(settlement: Settlement | null, reason: AbortReason | undefined, error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#owner.ended(this, new FinishedRun(this.job, settlement, reason, error));
  }
}

const RETURNED_NOTHING: HandlerResult = { kind: "returned", resultText: null };

/** Validate, handle, encode: every step ends in one of the endings, and nothing is thrown. */
async function runHandler(
  { store, handlers, logger, redact }: RunJobOptions,
  job: PickedUpJob,
  run: HandlerRun,
): Promise<HandlerResult> {
  try {
    const contract = contractOf(store, job.type);
    let payload: unknown;
    try {
      payload = store.parse(job.payloadText);
      if (isThenable(payload)) payload = await payload;
      // What SQL has inserted may be anything, and no schema says what the handler's type does.
      if (contract?.payload === undefined) checkObject(payload);
    } catch (error) {
      return { kind: "refused", error };
    }
    if (contract?.payload !== undefined) {
      const validated = await contract.payload["~standard"].validate(payload);
      // A payload that is wrong will be wrong again; a validator that throws may not.
      if (validated.issues !== undefined)
        return { kind: "refused", error: mismatch("payload", validated.issues, payload) };
      payload = validated.value;
      // It may take its time: what was aborted meanwhile must not start.
      run.signal.throwIfAborted();
    }
    const handler = handlers.get(job.type);
    if (handler === undefined) throw new Error(`no handler for the type ${job.type}`);
    const returned = await handler(new HandlerContext(payload, job, store, logger, run));
    if (returned === undefined) return RETURNED_NOTHING;
    return { kind: "returned", ...(await encodeResult(contract, returned, redact)) };
  } catch (error) {
    return { kind: "threw", error };
  }
}

/** @throws InvalidInputError */
function checkObject(payload: unknown): void {
  if (typeof payload === "object" && payload !== null && !Array.isArray(payload)) return;
  throw new InvalidInputError("payload", "a JSON object (a contract's schema can allow others)", payload);
}

function contractOf(store: PgJobStore<JobContracts>, type: string): JobContract | undefined {
  const { jobs } = store;
  return jobs !== undefined && Object.hasOwn(jobs, type) ? jobs[type] : undefined;
}

function mismatch(
  field: string,
  issues: Parameters<typeof issuesText>[1],
  value: unknown,
): InvalidInputError {
  return new InvalidInputError(field, "what its schema says", value, undefined, issuesText(field, issues));
}

/** The work is done, and a result that can't be stored must not have it done again. */
async function encodeResult(
  contract: JobContract | undefined,
  returned: unknown,
  redact: RunJobOptions["redact"],
): Promise<{ readonly resultText: string | null; readonly note?: string }> {
  try {
    const validated = await contract?.result?.["~standard"].validate(returned);
    if (validated?.issues !== undefined) throw mismatch("result", validated.issues, returned);
    return { resultText: encodeJson(returned, "result", RESULT_LIMITS) };
  } catch (error) {
    return { resultText: null, note: errorText(error, redact, "the result was not stored: ") };
  }
}
