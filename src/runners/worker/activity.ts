import type { TurnAnswer } from "../../core/turn/turn-answer.ts";

/** How long a backlog must last before a worker counts as busy. */
const BACKLOG_MS = 1_000;
/** So many polls in so many milliseconds that find jobs, and so many jobs each: it is not one writer's doing. */
const WINDOW_MS = 500;
const POLLS = 10;
const JOBS_PER_POLL = 1.5;
/** How long a busy worker must find nothing before it counts as idle. */
const QUIET_MS = 50;

/** Whether a worker finds jobs whenever it polls, so that it need not be notified of them. */
export class ActivityMonitor {
  #busy = false;
  #backlogSince: number | undefined;
  #foundAt = -Infinity;
  #windowFrom = -Infinity;
  #polls = 0;
  #jobs = 0;

  /** For the last second, or several jobs a poll. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Whether the last poll left something. */
  get backlog(): boolean {
    return this.#backlogSince !== undefined;
  }

  /** Learns from a turn that polled. */
  polled({ more, jobs }: TurnAnswer, now: number): void {
    this.#backlogSince = more ? (this.#backlogSince ?? now) : undefined;
    if (now - this.#windowFrom >= WINDOW_MS) [this.#windowFrom, this.#polls, this.#jobs] = [now, 0, 0];
    if (more || jobs.length > 0) this.#foundAt = now;
    if (jobs.length > 0) this.#polls += 1;
    this.#jobs += jobs.length;
    const many = this.#polls >= POLLS && this.#jobs >= JOBS_PER_POLL * this.#polls;
    if (now - this.#foundAt >= QUIET_MS) [this.#busy, this.#windowFrom] = [false, -Infinity];
    else if (many || now - (this.#backlogSince ?? now) >= BACKLOG_MS) this.#busy = true;
  }
}
