import { exceedsResources } from "../core/sql/sql-state.ts";
import type { PickUp, TurnRequest } from "../core/turn/turn-request.ts";

interface Room {
  readonly slots: number;
  readonly buffer: number;
}

/** By how much the size grows with each answer: slowly, or every other turn would be too much again. */
const GROWTH = 1.1;
/** Beyond this there is no limit: no turn carries more. */
const LARGEST = 4_000;

/** How much a turn carries: of settlements, or of jobs to pick up. */
export function sizeOf({ settlements = [], pickUp }: TurnRequest): number {
  return Math.max(settlements.length, pickUp === undefined ? 0 : pickUp.slots + (pickUp.buffer ?? 0));
}

/** What of free slots and buffer a turn may fill that picks up at most so many. */
export function fitted({ slots, buffer = 0 }: Pick<PickUp, "slots" | "buffer">, most: number): Room {
  const fewer = Math.min(slots, most);
  return { slots: fewer, buffer: Math.min(buffer, most - fewer) };
}

/** How many settlements, or jobs to pick up, one turn may carry: half of what was too much, and then more again. */
export class TurnSize {
  #most = Infinity;

  get most(): number {
    return this.#most;
  }

  answered(): void {
    this.#most = this.#most > LARGEST ? Infinity : Math.ceil(this.#most * GROWTH);
  }

  /** What of free slots and buffer one turn may fill. */
  fit(room: Room): Room {
    return fitted(room, this.#most);
  }

  failed(error: unknown, request: TurnRequest): void {
    if (exceedsResources(error))
      this.#most = Math.max(1, Math.floor(Math.min(sizeOf(request), this.#most) / 2));
  }
}
