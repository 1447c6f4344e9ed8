import type { TurnAnswer } from "../../core/turn/turn-answer.ts";
import type { Lane, PickUp } from "../../core/turn/turn-request.ts";

/** How long a newly arrived job may wait behind a backlog before all lanes are looked at from their beginning. */
const FULL_LOOK_MS = 250;
/** Such a look may take a twentieth of the server's time, should a held snapshot have made it expensive. */
const FULL_LOOK_SHARE = 20;
/** However expensive it is, a job of another type or priority waits no longer for it. */
const LONGEST_MS = 1_000;
/** Of so many looks the quickest counts: what held up one of them, a lock or a busy machine, says nothing about the next. */
const SAMPLES = 3;
/** Above this many types and priorities a list of them costs more than it saves. */
const MAX_LANES = 100;

/**
 * Where a worker left off. While some transaction holds an old snapshot, a look
 * from the beginning walks over every job that was picked up since; one that
 * goes on behind the last job does not. It misses what has come before that, or
 * in other lanes, so all is looked at again every 250 ms, and as soon as a lane
 * has no more.
 */
export class LaneCursor {
  #lanes: readonly Lane[] = [];
  /** Until when to go on. */
  #goOnUntil = -Infinity;
  /** How long the server takes to look at all lanes, and to go on. */
  readonly #fullLooks = new Quickest();
  readonly #onwards = new Quickest();

  /** Where to go on, or undefined where it is time to look from the beginning. */
  lanes(now: number): readonly Lane[] | undefined {
    return now < this.#goOnUntil ? this.#lanes : undefined;
  }

  /** Learns from a turn that was answered at `now`. */
  answered(pickUp: PickUp, answer: TurnAnswer, now: number): void {
    const filled = answer.jobs.length >= pickUp.slots + (pickUp.buffer ?? 0);
    if (pickUp.lanes === undefined) this.#lookedAtAll(answer, filled, now);
    else this.#wentOn(answer, filled);
  }

  /** Looks from the beginning next. */
  forget(): void {
    this.#goOnUntil = -Infinity;
  }

  #wentOn(answer: TurnAnswer, filled: boolean): void {
    this.#onwards.add(answer.serverMs);
    if (!filled) this.forget();
    const moved = new Set(answer.lanes.map(keyOf));
    this.#lanes = [...this.#lanes.filter((lane) => !moved.has(keyOf(lane))), ...answer.lanes];
  }

  #lookedAtAll(answer: TurnAnswer, filled: boolean, now: number): void {
    this.#fullLooks.add(answer.serverMs);
    this.#lanes = answer.lanes;
    const goesOn = answer.more && filled && this.#lanes.length > 0 && this.#lanes.length <= MAX_LANES;
    this.#goOnUntil = goesOn ? now + this.#pauseMs : -Infinity;
  }

  /** For how long to go on. What a turn costs in any case is not the look's. */
  get #pauseMs(): number {
    const { ms: fullMs = 0 } = this.#fullLooks;
    const { ms: onwardsMs = fullMs } = this.#onwards;
    return Math.min(Math.max(FULL_LOOK_MS, FULL_LOOK_SHARE * (fullMs - onwardsMs)), LONGEST_MS);
  }
}

/** The quickest of late. */
class Quickest {
  #samples: readonly number[] = [];

  /** Undefined where there have been too few to tell. */
  get ms(): number | undefined {
    return this.#samples.length < SAMPLES ? undefined : Math.min(...this.#samples);
  }

  add(ms: number): void {
    this.#samples = [...this.#samples, ms].slice(-SAMPLES);
  }
}

function keyOf({ type, priority }: Lane): string {
  return `${priority} ${type}`;
}
