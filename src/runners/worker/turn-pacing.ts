import type { LoopErrorPolicy } from "../../core/delay-policies.ts";
import { TurnSize } from "../turn-size.ts";

/** How long an ended job, or a free slot, waits for others to share its turn, in milliseconds. */
const GATHER_MS = 5;
/** Longest wait of a worker that cannot work, such as one with a wrong password. */
const MAX_FUTILE_WAIT_MS = 60_000;

/** When a worker's next turn may leave: not before others could join it, and not soon after a failure. */
export class TurnPacing {
  /** How much a turn may carry. */
  readonly size = new TurnSize();
  readonly #loopError: LoopErrorPolicy;
  readonly #now: () => number;
  #failures = 0;
  #notBefore = -Infinity;
  /** Since when something has waited for a turn. */
  #gatherSince: number | undefined;
  /** When those settlements were last tried whose rows others have locked, and which of their tries that was. */
  #busySince = -Infinity;
  #busyTries = 0;

  constructor({ loopError, now }: { readonly loopError: LoopErrorPolicy; readonly now: () => number }) {
    this.#loopError = loopError;
    this.#now = now;
  }

  /** How many turns in a row have failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Until when all waits after a failure. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** When what has gathered leaves; Infinity where nothing has. */
  get gatheredAt(): number {
    return this.#gatherSince === undefined ? Infinity : this.#gatherSince + GATHER_MS;
  }

  /** When those settlements were last tried whose rows others have locked. */
  get busySince(): number {
    return this.#busySince;
  }

  /** Something waits for a turn. */
  gather(): void {
    this.#gatherSince ??= this.#now();
  }

  /** A turn is about to be sent. */
  sent(): void {
    this.#gatherSince = undefined;
  }

  /** @param busyTries of the settlement queue, after the answer */
  answered(busyTries: number): void {
    this.#failures = 0;
    this.size.answered();
    if (busyTries !== this.#busyTries) this.#busySince = this.#now();
    this.#busyTries = busyTries;
  }

  /** @param futile whether waiting is not likely to mend it: then the waits grow to a minute */
  failed(futile = false): void {
    this.#failures += 1;
    const ms = this.#loopError.delayMs(this.#failures);
    const least = futile ? Math.min(MAX_FUTILE_WAIT_MS, 1_000 * 2 ** (this.#failures - 1)) : 0;
    this.#notBefore = this.#now() + Math.max(ms, least);
  }
}
