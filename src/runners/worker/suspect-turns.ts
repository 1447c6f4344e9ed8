import type { PickUp } from "../../core/turn/turn-request.ts";

/** For how long a worker that is never empty leaves suspects alone, in milliseconds. */
const PATIENCE_MS = 20_000;
/** For how long it then picks up nothing, at first. */
const PAUSE_MS = 1_000;
/** Pauses take at most a twentieth of the time. */
const PAUSE_SHARE = 20;

/**
 * When a worker takes a job that nothing may run beside, a suspect: when it holds nothing else. Until then others take its
 * slots, which a suspect that waited in one would keep empty for as long as the longest job lasts. A worker that is never
 * empty checks now and then whether one is due, and then picks up nothing for a second, and for twice as long each time
 * thereafter: so a suspect waits long beside long jobs, not for ever.
 */
export class SuspectTurns {
  #checkAt = -Infinity;
  #pauseMs = PAUSE_MS;
  #pausedUntil = -Infinity;

  /** Until when nothing is picked up, unless the worker is empty. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  /** What becomes of suspects in a pick-up of a worker that holds so many jobs. */
  next(held: number, now: number): NonNullable<PickUp["suspects"]> {
    if (held > 0) return now >= this.#checkAt ? "shown" : "skipped";
    this.#pausedUntil = -Infinity;
    this.#pauseMs = PAUSE_MS;
    this.#checkAt = now + PATIENCE_MS;
    return "taken";
  }

  /** @param shown whether a suspect is due */
  answered({ suspects }: PickUp, shown: boolean, now: number): void {
    if (suspects !== "shown") return;
    this.#checkAt = now + PATIENCE_MS;
    if (!shown) return;
    this.#pausedUntil = now + this.#pauseMs;
    this.#pauseMs *= 2;
    this.#checkAt = now + PAUSE_SHARE * this.#pauseMs;
  }
}
