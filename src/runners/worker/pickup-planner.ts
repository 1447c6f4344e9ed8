import type { TurnAnswer } from "../../core/turn/turn-answer.ts";
import { RefusedPickUps } from "../../core/turn/refused-pickups.ts";
import type { PickUp, TurnRequest } from "../../core/turn/turn-request.ts";
import { BufferSize } from "./buffer-size.ts";
import type { JobSlots } from "../job/job-slots.ts";
import { LaneCursor } from "./lane-cursor.ts";
import type { TurnSize } from "../turn-size.ts";
import type { CheckedWorker } from "./worker-options.ts";

/** The part of a lease for which a pick-up may be held up: half of what its answer is waited for, so that it still comes in time. */
const HELD_UP_SHARE = 4;

/** What a worker picks up next: how much, and where. */
export class PickUps {
  readonly #options: Pick<CheckedWorker, "types" | "leaseMs" | "fastPickup">;
  readonly #slots: JobSlots;
  readonly #turnSize: TurnSize;
  readonly #bufferSize: BufferSize;
  readonly #cursor = new LaneCursor();
  readonly #refused: RefusedPickUps;

  constructor(options: CheckedWorker, slots: JobSlots, turnSize: TurnSize) {
    this.#options = options;
    this.#slots = slots;
    this.#turnSize = turnSize;
    this.#refused = new RefusedPickUps(options.logger);
    this.#bufferSize = new BufferSize(options.concurrency, options.maxBuffer);
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
    const lanes = this.#cursor.lanes(now);
    return this.#refused.next({ types, lanes, ...room, lockedBy, leaseMs, withinMs, fast: fastPickup }, now);
  }

  /** Whether the next pick-up is to go without anything else, as {@link RefusedPickUps.suspects}. */
  suspects(now: number): boolean {
    return this.#refused.suspects(now);
  }

  /** Learns how long one job took. */
  observe(ranMs: number): void {
    this.#bufferSize.observe(ranMs);
  }

  /** Learns from a pick-up, as {@link LaneCursor.answered}. */
  answered(pickUp: PickUp, answer: TurnAnswer, sentAt: number, now: number): TurnAnswer {
    const taken = this.#refused.answered(pickUp, answer, now);
    if (taken !== answer) return taken;
    const seen = this.#cursor.answered(pickUp, answer, sentAt, now);
    const testMs = this.#refused.testAt - now;
    return testMs < (seen.nextDueInMs ?? Infinity) ? { ...seen, nextDueInMs: Math.max(0, testMs) } : seen;
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
    return this.#turnSize.fit(this.#slots.room(size));
  }

  get #target(): number {
    return this.#bufferSize.target(this.#slots.longestRunningMs);
  }
}
