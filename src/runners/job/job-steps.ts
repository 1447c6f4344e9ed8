import type { Jsonified } from "../../core/contract.ts";
import { InvalidInputError, SnoozeError, isPqrunError } from "../../core/errors.ts";
import type { SqlExecutor, SqlStatement } from "../../core/executor.ts";
import { stepsOf } from "../../core/operations/read-steps.ts";
import type { Step } from "../../core/operations/read-steps.ts";
import {
  rememberStep,
  rememberStepStatement,
  rememberStepText,
} from "../../core/operations/remember-step.ts";
import type { NewStep } from "../../core/operations/remember-step.ts";
import { isOutage } from "../../core/sql/sql-state.ts";
import type { Settlement } from "../../core/turn/settlement.ts";
import { PAYLOAD_LIMITS, encodeJson } from "../../core/values/json.ts";
import { byteLength } from "../../core/values/utf8.ts";
import { setTimeout } from "../timers.ts";
import type { RunSteps, Sleep, StepRun, Steps } from "./run-steps.ts";
import { stepKey } from "./step-room.ts";
import type { StepRoom } from "./step-room.ts";

/** What is known of a step: its value's JSON text, null for nothing; and of a sleep, when it ends. */
interface Known {
  readonly text: string | null;
  readonly wakesAt?: Date | null;
}

type Ending =
  Pick<Settlement & { outcome: "snooze" }, "outcome" | "due" | "continues"> | { readonly outcome: "release" };

/** Most steps of a job. */
const MAX_STEPS = 1_000;
/** Most bytes of what they return, in all. */
const MAX_BYTES = PAYLOAD_LIMITS.maxBytes;
const MAX_NAME = 200;
/** A hundred years. */
const MAX_SECONDS = 3_155_760_000;
/** How soon a statement is sent again whose answer was lost, in milliseconds: the work is done, and would be done again. */
const AGAIN_MS = [50, 250, 1_000] as const;
const GOES_ON: Ending = { outcome: "snooze", due: 0, continues: true };

/**
 * For a runner whose handlers use `ctx.step`:
 *
 * ```ts
 * import { steps } from "pqrun/steps";
 * await drainOnce({ store, handlers, steps, budgetMs: 25_000 });
 * ```
 */
export const steps: Steps = { of: (run) => new JobSteps(run) };

/** The steps of one run: what former ones remembered, read once, and what this one adds. */
class JobSteps implements RunSteps {
  readonly #run: StepRun;
  #known: Promise<Map<string, Known>> | undefined;
  /** The names that this run has used: each once. */
  readonly #used = new Set<string>();
  /** What was remembered in transactions of the handler's, which may have come to nothing. */
  readonly #inTransactions = new Map<string, string | null>();
  /** Names whose work is under way. */
  readonly #working = new Set<string>();
  readonly #underWay = new Set<Promise<unknown>>();
  #count = 0;
  #bytes = 0;
  /** How many steps former runs had remembered. */
  #found = 0;
  /** Whether this run has remembered one. */
  #progressed = false;
  /** How the run ends, whatever its handler makes of it. */
  #ending: Ending | undefined;

  constructor(run: StepRun) {
    this.#run = run;
  }

  throwIfOver(): void {
    if (this.#ending !== undefined)
      throw new SnoozeError(0, "this attempt is over, and its job goes on later: let this error through");
  }

  /** See `JobContext.step`. */
  step<T>(name: string, work: () => T): Promise<Jsonified<Awaited<T>>> {
    return this.#track(this.#step(name, work)) as Promise<Jsonified<Awaited<T>>>;
  }

  /** See `JobContext.sleep`. */
  async sleep(name: string, until: Sleep): Promise<void> {
    const wakes = sleepOf(until);
    const known = await this.#use(name);
    let wakesAt = known.get(name)?.wakesAt;
    if (!known.has(name)) {
      this.#makeRoom(name, null);
      const wake = await this.#remember({ name, valueText: null, wakes });
      wakesAt = wake.inMs > 0 ? wake.at : null;
      known.set(name, { text: null, wakesAt });
      // What has been due since then was not picked up before.
    } else if (wakesAt && this.#run.job.runAfter >= wakesAt) wakesAt = null;
    if (wakesAt) this.#end({ outcome: "snooze", due: wakesAt });
  }

  /** See `JobContext.stepIn`. */
  async stepIn(tx: SqlExecutor, name: string, value: unknown): Promise<void> {
    if (!this.#working.has(name) && (await this.#use(name)).has(name)) throw remembered(name);
    this.throwIfOver();
    const { store, job, room } = this.#run;
    await rememberStep(store.with(tx), job, this.#inTransaction(name, value), room.leaseMs);
  }

  /** See `JobContext.stepStatement`. */
  stepStatement(name: string, value: unknown): SqlStatement {
    this.throwIfOver();
    if (!this.#working.has(name)) this.#claim(name);
    const { store, job, room } = this.#run;
    const text = rememberStepText(store.connection.names);
    return rememberStepStatement(text, job, this.#inTransaction(name, value), room.leaseMs);
  }

  /** See `JobContext.steps`. */
  list(): Promise<readonly Step[]> {
    return stepsOf(this.#run.store, this.#run.job.id);
  }

  async atRest(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  settlement(concluded: Settlement | null, durationMs: number, keeps: boolean): Settlement | null {
    const { job } = this.#run;
    if (this.#ending !== undefined) return { job, durationMs, ...this.#ending };
    // Cut short, and not in vain.
    const cut =
      concluded?.outcome === "release" || (concluded?.outcome === "retry" && concluded.kind === "deadline");
    if (cut && this.#progressed) return { job, durationMs, ...GOES_ON };
    return concluded?.outcome === "done" && !keeps ? { ...concluded, forgetsSteps: true } : concluded;
  }

  async #step(name: string, work: () => unknown): Promise<unknown> {
    const known = await this.#use(name);
    const found = known.get(name);
    if (found !== undefined) return valueOf(found.text);
    await this.#goOn(name);
    const { job, room } = this.#run;
    const startedAt = this.#run.now();
    this.#working.add(name);
    try {
      const value = await work();
      const durationMs = this.#run.now() - startedAt;
      let text = this.#inTransactions.get(name);
      if (text === undefined) {
        text = encode(name, value);
        this.#makeRoom(name, text);
        await this.#remember({ name, valueText: text, durationMs });
      }
      known.set(name, { text });
      this.#progressed = true;
      learn(room, job.type, name, durationMs);
      return valueOf(text);
    } catch (error) {
      // Nothing is remembered: the handler may try again.
      this.#used.delete(name);
      this.#inTransactions.delete(name);
      throw error;
    } finally {
      this.#working.delete(name);
    }
  }

  /** Takes a name, and finds what is known. */
  async #use(name: string): Promise<Map<string, Known>> {
    this.throwIfOver();
    this.#claim(name);
    try {
      if (this.#known === undefined && !this.#run.room.take()) await this.#leave();
      const known = await (this.#known ??= this.#read());
      this.throwIfOver();
      return known;
    } catch (error) {
      this.#used.delete(name);
      throw error;
    }
  }

  #claim(name: string): void {
    if (
      typeof name !== "string" ||
      name === "" ||
      name.length > MAX_NAME ||
      name.includes("\0") ||
      !name.isWellFormed()
    )
      throw new InvalidInputError("name", `a name of 1 to ${MAX_NAME} characters`, name);
    if (this.#used.has(name))
      throw new InvalidInputError("name", `a name that this run has not used: "${name}" it has`, name);
    this.#used.add(name);
  }

  async #read(): Promise<Map<string, Known>> {
    const { store, job, room } = this.#run;
    try {
      const found = await stepsOf(store, job.id);
      for (const { name, durationMs, valueText } of found) {
        if (durationMs !== null) learn(room, job.type, name, durationMs);
        this.#bytes += valueText === null ? 0 : byteLength(valueText);
      }
      this.#found = this.#count = found.length;
      return new Map(found.map(({ name, valueText: text, wakesAt }) => [name, { text, wakesAt }]));
    } catch (error) {
      this.#known = undefined;
      throw error;
    }
  }

  /** Whether there is time for one more step, by what those have taken; else the job goes on later. */
  async #goOn(name: string): Promise<void> {
    const { job, room } = this.#run;
    const { longestMs } = room;
    const expectedMs = longestMs?.get(stepKey(job.type, name)) ?? longestMs?.get(job.type) ?? 0;
    // What is longer than any budget is tried, by a run that has done nothing yet: cut short, it counts.
    const tooLong = expectedMs > room.leftMs() && (this.#progressed || expectedMs <= room.wholeMs);
    if (room.stopping() || this.#run.ends() || tooLong || !room.take()) await this.#leave();
  }

  /** Ends the run. Without progress that counts, at last, lest the job goes round for ever. */
  async #leave(): Promise<never> {
    const { job, store, room } = this.#run;
    if (!this.#progressed && this.#inTransactions.size > 0)
      this.#progressed = (await stepsOf(store, job.id)).length > this.#found;
    room.left(job.type);
    return this.#end(this.#progressed ? GOES_ON : { outcome: "release" });
  }

  #end(ending: Ending): never {
    this.#ending ??= ending;
    this.throwIfOver();
    throw new Error();
  }

  /** @throws InvalidInputError where a job would have too many steps, or too much in them. */
  #makeRoom(name: string, text: string | null): void {
    const bytes = this.#bytes + (text === null ? 0 : byteLength(text));
    if (this.#count >= MAX_STEPS)
      throw new InvalidInputError("name", `at most ${MAX_STEPS} steps in a job`, name);
    if (bytes > MAX_BYTES)
      throw new InvalidInputError(
        `step "${name}"`,
        `at most ${MAX_BYTES} bytes in all steps of a job`,
        bytes,
      );
    this.#count += 1;
    this.#bytes = bytes;
  }

  #inTransaction(name: string, value: unknown): NewStep {
    const valueText = encode(name, value);
    this.#makeRoom(name, valueText);
    this.#inTransactions.set(name, valueText);
    return { name, valueText };
  }

  async #remember(step: NewStep): ReturnType<typeof rememberStep> {
    const { store, job, room } = this.#run;
    for (const ms of [...AGAIN_MS, undefined]) {
      try {
        return await rememberStep(store, job, { ...step, again: true }, room.leaseMs);
      } catch (error) {
        if (ms === undefined || !(isPqrunError(error, "unknown-outcome") || isOutage(error))) throw error;
        await new Promise((resolve) => setTimeout(resolve, ms));
      }
    }
    throw new Error();
  }

  #track<T>(step: Promise<T>): Promise<T> {
    const ended = (): void => {
      this.#underWay.delete(step);
    };
    this.#underWay.add(step);
    step.then(ended, ended);
    return step;
  }
}

function learn({ longestMs }: StepRoom, type: string, name: string, ms: number): void {
  if (longestMs === undefined) return;
  for (const key of [type, stepKey(type, name)]) longestMs.set(key, Math.max(ms, longestMs.get(key) ?? 0));
}

/** What JSON would lose is refused; what it makes of a Date is what the step returns, now and later. */
function encode(name: string, value: unknown): string | null {
  return value === undefined ? null : encodeJson(value, `step "${name}"`, PAYLOAD_LIMITS);
}

function valueOf(text: string | null): unknown {
  return text === null ? undefined : JSON.parse(text);
}

function remembered(name: string): InvalidInputError {
  return new InvalidInputError(
    "name",
    `a step that is not remembered yet: do its work inside ctx.step("${name}", …)`,
    name,
  );
}

function sleepOf(until: Sleep): number | Date {
  if (until instanceof Date && !Number.isNaN(until.getTime())) return until;
  const seconds: unknown =
    until instanceof Date ? undefined : (until as { seconds?: unknown } | null)?.seconds;
  if (typeof seconds === "number" && seconds >= 0 && seconds <= MAX_SECONDS) return seconds * 1_000;
  throw new InvalidInputError("until", `a valid Date, or { seconds } from 0 to ${MAX_SECONDS}`, until);
}
