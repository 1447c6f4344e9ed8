import { stepOf } from "../delay-policies.ts";
import type { Logger } from "../logger.ts";
import { halves } from "../halves.ts";
import { dataErrorState } from "../sql/sql-state.ts";
import { causesText } from "../values/error-text.ts";
import type { TurnAnswer } from "./turn-answer.ts";
import type { PickUp } from "./turn-request.ts";

/** How long a row that was refused is left out, in milliseconds; the last repeats. */
const LEFT_OUT_MS = [1_000, 5_000, 30_000, 60_000, 300_000] as const;
/** Rows that are left out are tried again one by one, and no more often than this. */
const TEST_EVERY_MS = 1_000;
/** Most rows that are left out: their ids go along with each pick-up. */
const MAX_LEFT_OUT = 1_000;
/** So many rows in a row are found without a pause. Where each is refused, it is no single row's doing. */
const MAX_IN_A_ROW = 200;

interface LeftOut {
  readonly until: number;
  /** How often it has been refused. */
  readonly times: number;
}

/**
 * One row that PostgreSQL refuses to let be picked up (a trigger or a constraint of the application's) must not keep
 * all others from being picked up. After a refusal the pick-up goes without anything else; if that is refused too, a
 * look says which jobs it would take, and these are picked up by halves until the bad one is alone. It is left out for
 * a time that grows, and then tried alone. So one bad row among n costs about 2 log2 n statements, and nothing as long
 * as nothing is refused.
 */
export class RefusedPickUps {
  readonly #logger: Logger;
  readonly #leftOut = new Map<string, LeftOut>();
  /** Which pick-up is next, where there is no group. */
  #next: "whole" | "alone" | "look" = "whole";
  /** Jobs that were refused together: halved until the bad one is alone. */
  #groups: readonly (readonly string[])[] = [];
  #testAt = -Infinity;
  #inARow = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** When a row that is left out is to be tried again; Infinity where there is none. */
  get testAt(): number {
    let soonest = Infinity;
    for (const { until } of this.#leftOut.values()) soonest = Math.min(soonest, until);
    return Math.max(soonest, this.#testAt);
  }

  /** Whether the next pick-up is to go without anything else: the last refusal may be its fault. */
  suspects(now: number): boolean {
    return this.#next !== "whole" || this.#groups.length > 0 || this.testAt <= now;
  }

  /** The pick-up as it is to go. */
  next(pickUp: PickUp, now: number): PickUp {
    if (this.#groups.length === 0 && this.#next === "whole" && this.#leftOut.size === 0) return pickUp;
    const { lanes: _, shares: __, buffer = 0, ...rest } = pickUp;
    const [group] = this.#groups;
    const only = group ?? (this.#next === "whole" ? this.#toTest(now) : undefined);
    if (only !== undefined) return { ...rest, slots: Math.min(only.length, rest.slots + buffer), only };
    const without = [...this.#leftOut.keys()];
    return this.#next === "look" ? { ...rest, buffer, without, looks: true } : { ...pickUp, without };
  }

  /**
   * Learns from a pick-up that was answered.
   *
   * @returns the answer as its caller should take it: there is more to look at after a part of it
   */
  answered(pickUp: PickUp, answer: TurnAnswer, now: number): TurnAnswer {
    const { only, looks = false } = pickUp;
    if (answer.jobs.length > 0 || (only === undefined && !looks)) this.#inARow = 0;
    if (only !== undefined) {
      this.#forget(only);
      const handedOut = new Set([...answer.jobs, ...answer.exhausted].map(({ id }) => id));
      for (const id of only) this.#tested(id, handedOut.has(id) || !answer.contended, now);
      return { ...answer, more: true };
    }
    this.#next = "whole";
    if (!looks) return answer;
    this.#groups = halves(answer.candidates);
    // Where it would have taken nothing, no row was to blame.
    if (answer.candidates.length === 0) this.#inARow = MAX_IN_A_ROW;
    return { ...answer, more: true };
  }

  /**
   * Learns from a refusal.
   *
   * @param alone whether the statement did nothing but pick up
   * @returns whether another try may do better at once
   */
  refused(pickUp: PickUp, error: unknown, alone: boolean, now: number): boolean {
    const { only, looks = false } = pickUp;
    // Whatever has become of it: a look takes nothing, and what it is for begins anew.
    if (looks) this.#next = "whole";
    if (looks || dataErrorState(error) === undefined) return false;
    if (only === undefined) {
      this.#next = alone ? "look" : "alone";
      return this.#goesOn;
    }
    this.#forget(only);
    const [id] = only;
    if (only.length > 1) this.#groups = [...halves(only), ...this.#groups];
    else if (id !== undefined) this.#leaveOut(id, error, now);
    return this.#goesOn;
  }

  get #goesOn(): boolean {
    return this.#inARow < MAX_IN_A_ROW;
  }

  #toTest(now: number): readonly string[] | undefined {
    if (now < this.#testAt) return undefined;
    for (const [id, { until }] of this.#leftOut) if (until <= now) return [id];
    return undefined;
  }

  #tested(id: string, isOver: boolean, now: number): void {
    const known = this.#leftOut.get(id);
    if (known === undefined) return;
    this.#testAt = now + TEST_EVERY_MS;
    if (isOver) this.#leftOut.delete(id);
    else this.#leftOut.set(id, { ...known, until: now + TEST_EVERY_MS });
  }

  #leaveOut(id: string, error: unknown, now: number): void {
    const times = this.#leftOut.get(id)?.times ?? 0;
    this.#inARow += 1;
    this.#testAt = now + TEST_EVERY_MS;
    this.#leftOut.set(id, { times: times + 1, until: now + stepOf(LEFT_OUT_MS, times + 1) });
    for (const oldest of this.#leftOut.keys()) {
      if (this.#leftOut.size <= MAX_LEFT_OUT) break;
      this.#leftOut.delete(oldest);
    }
    if (times === 0)
      this.#logger.error("a job can't be picked up: PostgreSQL refuses it, and others go before it", {
        id,
        error: causesText(error),
      });
  }

  #forget(group: readonly string[]): void {
    this.#groups = this.#groups.filter((one) => one !== group);
  }
}
