import type { TurnAnswer } from "../../core/turn/turn-answer.ts";

/** How long a backlog must last before a worker counts as busy. */
const BACKLOG_MS = 1_000;
/** So many looks in so many milliseconds that find jobs, and so many jobs each: it is not one writer's doing. */
const WINDOW_MS = 500;
const LOOKS = 10;
const JOBS_PER_LOOK = 1.5;
/** How long a busy worker must find nothing before it counts as idle. */
const QUIET_MS = 50;

/** Whether a worker finds jobs whenever it looks, so that it need not be notified of them. */
export class Busyness {
  #busy = false;
  #backlogSince: number | undefined;
  #foundAt = -Infinity;
  #windowFrom = -Infinity;
  #looks = 0;
  #jobs = 0;

  /** For the last second, or several jobs a look. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Whether the last look left something. */
  get backlog(): boolean {
    return this.#backlogSince !== undefined;
  }

  /** Learns from a turn that looked. */
  looked({ more, jobs }: TurnAnswer, now: number): void {
    this.#backlogSince = more ? (this.#backlogSince ?? now) : undefined;
    if (now - this.#windowFrom >= WINDOW_MS) [this.#windowFrom, this.#looks, this.#jobs] = [now, 0, 0];
    if (more || jobs.length > 0) this.#foundAt = now;
    if (jobs.length > 0) this.#looks += 1;
    this.#jobs += jobs.length;
    const many = this.#looks >= LOOKS && this.#jobs >= JOBS_PER_LOOK * this.#looks;
    if (now - this.#foundAt >= QUIET_MS) [this.#busy, this.#windowFrom] = [false, -Infinity];
    else if (many || now - (this.#backlogSince ?? now) >= BACKLOG_MS) this.#busy = true;
  }
}
