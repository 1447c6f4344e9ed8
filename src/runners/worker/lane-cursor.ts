import type { TurnAnswer } from "../../core/turn/turn-answer.ts";
import type { Lane, PickUp } from "../../core/turn/turn-request.ts";

/** How long a newly arrived job may wait behind a backlog before a full scan of all lanes. */
const FULL_SCAN_MS = 250;
/** When a held snapshot makes full scans expensive, they may take at most a twentieth of the time. */
const FULL_SCAN_SHARE = 20;
/** However expensive it is, a job of another type or priority waits no longer for it. */
const LONGEST_MS = 1_000;
/** The shortest of so many scans counts: what held up one of them, a lock or a busy machine, says nothing about the next. */
const SAMPLES = 3;
/** Above this many types and priorities a list of them costs more than it saves. */
const MAX_LANES = 100;

/**
 * Where a worker left off. While some transaction holds an old snapshot, a poll
 * from the beginning walks over every job that was picked up since; one that
 * goes on behind the last job does not. It misses what has come before that, or
 * in other lanes, so a full scan follows every 250 ms, and as soon as a lane
 * has no more.
 */
export class LaneCursor {
  #lanes: readonly Lane[] = [];
  /** Until when to go on. */
  #goOnUntil = -Infinity;
  /** How long the server takes for a full scan, and to go on. */
  readonly #fullScans = new RecentMinimum();
  readonly #onwards = new RecentMinimum();

  /** Where to go on, or undefined where it is time for a full scan. */
  lanes(now: number): readonly Lane[] | undefined {
    return now < this.#goOnUntil ? this.#lanes : undefined;
  }

  /** Learns from a turn that was answered at `now`. */
  answered(pickUp: PickUp, answer: TurnAnswer, now: number): void {
    const filled = answer.jobs.length >= pickUp.slots + (pickUp.buffer ?? 0);
    if (pickUp.lanes === undefined) this.#scanned(answer, filled, now);
    else this.#wentOn(answer, filled);
  }

  /** The next poll is a full scan. */
  forget(): void {
    this.#goOnUntil = -Infinity;
  }

  #wentOn(answer: TurnAnswer, filled: boolean): void {
    this.#onwards.add(answer.serverMs);
    if (!filled) this.forget();
    const moved = new Set(answer.lanes.map(keyOf));
    this.#lanes = [...this.#lanes.filter((lane) => !moved.has(keyOf(lane))), ...answer.lanes];
  }

  #scanned(answer: TurnAnswer, filled: boolean, now: number): void {
    this.#fullScans.add(answer.serverMs);
    this.#lanes = answer.lanes;
    const goesOn = answer.more && filled && this.#lanes.length > 0 && this.#lanes.length <= MAX_LANES;
    this.#goOnUntil = goesOn ? now + this.#pauseMs : -Infinity;
  }

  /** For how long to go on. What a turn costs in any case is not the scan's. */
  get #pauseMs(): number {
    const { ms: fullMs = 0 } = this.#fullScans;
    const { ms: onwardsMs = fullMs } = this.#onwards;
    return Math.min(Math.max(FULL_SCAN_MS, FULL_SCAN_SHARE * (fullMs - onwardsMs)), LONGEST_MS);
  }
}

/** The recent minimum. */
class RecentMinimum {
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
