import type { TurnAnswer } from "../../core/turn/turn-answer.ts";
import type { Lane, PickUp } from "../../core/turn/turn-request.ts";

/** How long a newly arrived job may wait behind a backlog before all lanes are looked at from their beginning. */
const FULL_LOOK_MS = 250;
/** Such a look may take a twentieth of the time, should a held snapshot have made it dear. */
const FULL_LOOK_SHARE = 20;
/** By how much it takes longer then than the quickest of late: less is a network's or a machine's doing. */
const DEAR_MS = 5;
/** By how much the quickest of late is forgotten with each look: networks and machines change. */
const FORGETS = 1.001;
/** Above this many types and priorities a list of them costs more than it saves. */
const MAX_LANES = 100;

/**
 * Where a worker left off. While some transaction holds an old snapshot, a look
 * from the beginning walks over every job that was picked up since; one that
 * goes on behind the last job does not. It misses what has come before that, or
 * in other lanes, so all is looked at again every 250 ms, and as soon as a lane
 * has no more. Where a look at all has become dear, a worker that keeps up goes
 * on, too, rather than walk all that way for each job that arrives.
 */
export class LaneCursor {
  readonly #lanes = new Map<string, Lane>();
  /** Until when to go on. */
  #goOnUntil = -Infinity;
  /** Whether to go on even where nothing more is due, since a look at all is dear. */
  #dear = false;
  /** How long a turn takes that goes on. */
  #goOnMs = Infinity;
  /** The quickest look of late. */
  #leastMs = Infinity;

  /** Where to go on, or undefined where it is time to look from the beginning. */
  lanes(now: number): readonly Lane[] | undefined {
    return now < this.#goOnUntil ? [...this.#lanes.values()] : undefined;
  }

  /**
   * Learns from a turn that was sent at `sentAt` and answered at `now`.
   *
   * @returns the answer as the worker should take it: where it went on and found no more, it may rest until the
   *   next look at all
   */
  answered(pickUp: PickUp, answer: TurnAnswer, sentAt: number, now: number): TurnAnswer {
    const ms = now - sentAt;
    this.#leastMs = Math.min(ms, this.#leastMs * FORGETS);
    const filled = answer.jobs.length >= pickUp.slots + (pickUp.buffer ?? 0);
    return pickUp.lanes === undefined
      ? this.#lookedAtAll(answer, filled, ms, now)
      : this.#wentOn(answer, filled, ms, now);
  }

  /** Looks from the beginning next. */
  forget(): void {
    this.#goOnUntil = -Infinity;
  }

  #wentOn(answer: TurnAnswer, filled: boolean, ms: number, now: number): TurnAnswer {
    this.#goOnMs = ms;
    for (const lane of answer.lanes) this.#lanes.set(keyOf(lane), lane);
    if (filled) return answer;
    if (this.#dear && now < this.#goOnUntil)
      return { ...answer, more: false, nextDueInMs: this.#goOnUntil - now };
    this.forget();
    return answer;
  }

  #lookedAtAll(answer: TurnAnswer, filled: boolean, ms: number, now: number): TurnAnswer {
    this.forget();
    if (answer.more) this.#lanes.clear();
    for (const lane of answer.lanes) this.#keep(lane);
    this.#dear = ms - this.#leastMs >= DEAR_MS;
    if (this.#lanes.size === 0 || this.#lanes.size > MAX_LANES) return answer;
    // What a turn costs in any case is not the look's.
    if (answer.more && filled)
      this.#goOnUntil = now + Math.max(FULL_LOOK_MS, FULL_LOOK_SHARE * (ms - this.#goOnMs));
    else if (!answer.more && this.#dear)
      // What is due later may be in any lane.
      this.#goOnUntil =
        now + Math.min(answer.nextDueInMs ?? Infinity, FULL_LOOK_SHARE * (ms - this.#leastMs));
    return answer;
  }

  /** Where nothing more is due, what lies before the furthest job has been seen. */
  #keep(lane: Lane): void {
    const known = this.#lanes.get(keyOf(lane));
    if (known === undefined || isBehind(lane, known)) this.#lanes.set(keyOf(lane), lane);
  }
}

function keyOf({ type, priority }: Lane): string {
  return `${priority} ${type}`;
}

function isBehind(a: Lane, b: Lane): boolean {
  const [dueA, dueB] = [Number(a.afterDue), Number(b.afterDue)];
  return dueA > dueB || (dueA === dueB && BigInt(a.afterId) > BigInt(b.afterId));
}
