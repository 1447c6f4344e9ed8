import type { Lane, PickUp, TurnAnswer } from "../core/turn.ts";

/** How long a newly arrived job may wait behind a backlog before all lanes are looked at from their beginning. */
const FULL_LOOK_MS = 250;
/** Such a look may take a twentieth of the time, should a held snapshot have made it dear. */
const FULL_LOOK_SHARE = 20;
/** Above this many types and priorities a list of them costs more than it saves. */
const MAX_LANES = 100;

/**
 * Where a backlog was left off. While some transaction holds an old snapshot,
 * a look from the beginning walks over every job that was picked up since; one
 * that goes on behind the last job does not. It misses what has come before
 * that, or in other lanes, so all is looked at again every 250 ms, and as soon
 * as a lane has no more.
 */
export class LaneCursor {
  #lanes = new Map<string, Lane>();
  /** Until when to go on. */
  #goOnUntil = -Infinity;
  /** How long a turn takes that goes on. */
  #goOnMs = Infinity;

  /** Where to go on, or undefined where it is time to look from the beginning. */
  lanes(now: number): readonly Lane[] | undefined {
    return now < this.#goOnUntil ? [...this.#lanes.values()] : undefined;
  }

  /** Learns from a turn that was sent at `sentAt` and answered at `now`. */
  answered(pickUp: PickUp, answer: TurnAnswer, sentAt: number, now: number): void {
    const wentOn = pickUp.lanes !== undefined;
    if (wentOn) this.#goOnMs = now - sentAt;
    else this.#lanes.clear();
    for (const lane of answer.lanes) this.#lanes.set(`${lane.priority} ${lane.type}`, lane);
    const filled = answer.jobs.length >= pickUp.slots + (pickUp.buffer ?? 0);
    if (!answer.more || !filled || this.#lanes.size > MAX_LANES) this.forget();
    else if (!wentOn) this.#goOnUntil = now + this.#goOnForMs(now - sentAt);
  }

  /** Looks from the beginning next. */
  forget(): void {
    this.#goOnUntil = -Infinity;
  }

  /** What a turn costs in any case is not the look's. */
  #goOnForMs(fullLookMs: number): number {
    return Math.max(FULL_LOOK_MS, FULL_LOOK_SHARE * (fullLookMs - this.#goOnMs));
  }
}
