import type { TurnAnswer } from "../../core/turn/turn-answer.ts";
import { RefusedPickUps } from "../../core/turn/refused-pickups.ts";
import type { PickUp, TurnRequest } from "../../core/turn/turn-request.ts";
import { BufferSize } from "./buffer-size.ts";
import type { JobSlots } from "../job/job-slots.ts";
import { LaneCursor } from "./lane-cursor.ts";
import type { TurnSize } from "../turn-size.ts";
import { SuspectTurns } from "./suspect-turns.ts";
import { TypeShares } from "../type-shares.ts";
import type { CheckedWorker } from "./worker-options.ts";

/** The part of a lease for which a pick-up may be held up: half of what its answer is waited for, so that it still comes in time. */
const HELD_UP_SHARE = 4;

const NO_ROOM = { slots: 0, buffer: 0 } as const;

/** What a worker picks up next: how much, and where. */
export class PickupPlanner {
  readonly #options: Pick<CheckedWorker, "types" | "leaseMs" | "fastPickup">;
  readonly #slots: JobSlots;
  readonly #turnSize: TurnSize;
  readonly #bufferSize: BufferSize;
  readonly #cursor = new LaneCursor();
  readonly #shares = new TypeShares();
  readonly #suspects = new SuspectTurns();
  readonly #refused: RefusedPickUps;
  readonly #now: () => number;
  /** Whether the last pick-up left something. */
  #leftSome = false;
  /** Whether what is due goes into a slot and not into a buffer, as what was attempted before. */
  #needsSlot = false;

  constructor(options: CheckedWorker, slots: JobSlots, turnSize: TurnSize) {
    this.#options = options;
    this.#now = options.now;
    this.#slots = slots;
    this.#turnSize = turnSize;
    this.#refused = new RefusedPickUps(options.logger);
    this.#bufferSize = new BufferSize(options.concurrency, options.maxBuffer);
  }

  /** Until when a worker that holds something takes nothing, lest a job that must run alone waits for ever. */
  get pausedUntil(): number {
    return this.#suspects.pausedUntil;
  }

  /** How many jobs could be taken, into slots and buffer together. */
  get room(): number {
    const { slots, buffer } = this.#room(this.#target);
    return slots + buffer;
  }

  /** The pick-up of a turn that leaves now, under a nonce of its own; undefined where there is no room. */
  next(workerId: string, now: number): PickUp | undefined {
    const { types, leaseMs, fastPickup } = this.#options;
    const size = this.#target;
    const room = this.#room(size);
    if (room.slots + room.buffer === 0) return undefined;
    this.#bufferSize.used(size);
    const lockedBy = `${workerId}:${crypto.randomUUID()}`;
    const withinMs = leaseMs / HELD_UP_SHARE;
    const places = { types, lanes: this.#cursor.lanes(now), ...room };
    const shares = this.#shares.of(places);
    const suspects = this.#suspects.next(this.#slots.held, now);
    const pickUp = { ...places, shares, suspects, lockedBy, leaseMs, withinMs, fast: fastPickup };
    return this.#refused.next(pickUp, now);
  }

  /** A pick-up for slots alone of one type, beside the turns; undefined where there is nothing more, or a reason to wait. */
  more(workerId: string, type: string, slots: number, now: number): PickUp | undefined {
    const { leaseMs, fastPickup } = this.#options;
    if (!this.#leftSome || this.#refused.suspects(now) || now < this.#suspects.pausedUntil) return undefined;
    return this.#refused.next(
      {
        types: [type],
        ...this.#turnSize.fit({ slots, buffer: 0 }),
        suspects: "skipped",
        lockedBy: `${workerId}:${crypto.randomUUID()}`,
        ...{ leaseMs, withinMs: leaseMs / HELD_UP_SHARE, fast: fastPickup },
      },
      now,
    );
  }

  /** From when on a pick-up is to go without anything else, as {@link RefusedPickUps.suspects}. */
  get singleAt(): number {
    return this.#refused.suspects(-Infinity) ? -Infinity : this.#refused.testAt;
  }

  /** Learns how long one job took. */
  observe(ranMs: number): void {
    this.#bufferSize.observe(ranMs);
  }

  /** Learns from a pick-up, as {@link LaneCursor.answered}. */
  answered(pickUp: PickUp, answer: TurnAnswer, now: number): TurnAnswer {
    const taken = this.#refused.answered(pickUp, answer, now);
    this.#leftSome = taken.more;
    if (taken !== answer) return taken;
    this.#suspects.answered(pickUp, answer.suspects, now);
    this.#needsSlot = answer.more && answer.jobs.length <= pickUp.slots && (pickUp.buffer ?? 0) > 0;
    const cut = this.#shares.answered(pickUp, answer);
    // Where a share was too small there was no more to be had, and no lane is at its end for that.
    const asked = cut ? { ...pickUp, slots: answer.jobs.length, buffer: 0 } : pickUp;
    this.#cursor.answered(asked, answer, now);
    const testMs = this.#refused.testAt - now;
    return testMs < (answer.nextDueInMs ?? Infinity)
      ? { ...answer, nextDueInMs: Math.max(0, testMs) }
      : answer;
  }

  /**
   * Learns from a turn that failed: what it has picked up is not known.
   *
   * @returns whether the pick-up may have been refused for one job's sake, and another may do better at once
   */
  failed({ pickUp, settlements = [], reap }: TurnRequest, error: unknown, now: number): boolean {
    this.#cursor.forget();
    const alone = settlements.length === 0 && reap === undefined;
    return pickUp !== undefined && this.#refused.refused(pickUp, error, alone, now);
  }

  #room(size: number): { readonly slots: number; readonly buffer: number } {
    if (this.#slots.held > 0 && this.#now() < this.#suspects.pausedUntil) return NO_ROOM;
    const room = this.#turnSize.fit(this.#slots.room(size));
    return this.#needsSlot && room.slots === 0 ? NO_ROOM : room;
  }

  get #target(): number {
    return this.#bufferSize.target(this.#slots.longestRunningMs);
  }
}
