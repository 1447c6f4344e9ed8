import { stepOf } from "../../core/delay-policies.ts";
import { SOON_MS } from "../wait.ts";

/** The longest pause where it is certain that there was work for the worker: others were quicker, now and then. */
const SURE_PAUSE_MS = 25;

/**
 * When to poll for work that somebody has told of. A poll in vain is followed
 * by a pause that grows: others may be quicker, and anybody who may NOTIFY may
 * say that there may be work.
 */
export class NotifiedPolls {
  #sureAt = Infinity;
  #perhapsAt = Infinity;
  /** Whether the poll under way was made for what was heard. */
  #made = false;
  #vain = 0;
  #vainAt = -Infinity;

  /** When to poll next, for all that is known. */
  get at(): number {
    const pauseMs = this.#vain === 0 ? 0 : stepOf(SOON_MS, this.#vain);
    return Math.min(
      Math.max(this.#sureAt, this.#vainAt + Math.min(pauseMs, SURE_PAUSE_MS)),
      Math.max(this.#perhapsAt, this.#vainAt + pauseMs),
    );
  }

  /** @param sure whether it was work for this worker */
  notified(dueAt: number, sure: boolean): void {
    if (sure) this.#sureAt = Math.min(this.#sureAt, dueAt);
    else this.#perhapsAt = Math.min(this.#perhapsAt, dueAt);
  }

  /** A poll leaves: it sees what was heard of until now, or when it is due. */
  sent(now: number): void {
    this.#made = Math.min(this.#sureAt, this.#perhapsAt) <= now;
    [this.#sureAt, this.#perhapsAt] = [Infinity, Infinity];
  }

  /** @param found whether the poll found anything that was due */
  polled(found: boolean, now: number): void {
    if (found) this.#vain = 0;
    else if (this.#made) [this.#vain, this.#vainAt] = [this.#vain + 1, now];
    this.#made = false;
  }
}
