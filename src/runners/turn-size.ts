import { sqlState } from "../core/sql/sql-state.ts";
import type { TurnRequest } from "../core/turn/turn-request.ts";

interface Room {
  readonly slots: number;
  readonly buffer: number;
}

/** By how much the size grows with each answer: slowly, or every other turn would be too much again. */
const GROWTH = 1.1;
/** Beyond this there is no limit: no turn carries more. */
const LARGEST = 4_000;

/** Whether a statement may succeed with less in it: it took too long (57014), or too much memory (53200). */
export function wasTooMuch(error: unknown): boolean {
  const state = sqlState(error);
  return state === "57014" || state === "53200";
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
  fit({ slots, buffer }: Room): Room {
    const fewer = Math.min(slots, this.#most);
    return { slots: fewer, buffer: Math.min(buffer, this.#most - fewer) };
  }

  failed(error: unknown, { settlements = [], pickUp }: TurnRequest): void {
    if (!wasTooMuch(error)) return;
    const picking = pickUp === undefined ? 0 : pickUp.slots + (pickUp.buffer ?? 0);
    this.#most = Math.max(1, Math.floor(Math.min(Math.max(settlements.length, picking), this.#most) / 2));
  }
}
