import { causesText } from "../core/values/error-text.ts";
import { stepOf } from "../core/delay-policies.ts";
import type { Logger } from "../core/logger.ts";

/** How long after one line the next may come while the trouble lasts, in seconds; the last repeats. */
const AGAIN_AFTER_S = [1, 5, 30, 60, 300] as const;

/** Logs that something fails: once, then at growing intervals for as long as it lasts, and when it is over. */
export class TroubleLog {
  readonly #logger: Logger;
  readonly #now: () => number;
  #failures = 0;
  #lines = 0;
  #since = 0;
  #nextLineAt = -Infinity;

  constructor({ logger, now }: { readonly logger: Logger; readonly now: () => number }) {
    this.#logger = logger;
    this.#now = now;
  }

  failed(message: string, error: unknown): void {
    const now = this.#now();
    if (this.#failures === 0) [this.#since, this.#lines, this.#nextLineAt] = [now, 0, -Infinity];
    this.#failures += 1;
    if (now < this.#nextLineAt) return;
    this.#lines += 1;
    this.#nextLineAt = now + stepOf(AGAIN_AFTER_S, this.#lines) * 1_000;
    this.#logger.warn(message, { failures: this.#failures, error: causesText(error) });
  }

  /** For how long it has failed, in milliseconds; undefined where it does not. */
  get forMs(): number | undefined {
    return this.#failures === 0 ? undefined : this.#now() - this.#since;
  }

  /** @param message what to say where there was trouble */
  over(message: string): void {
    if (this.#failures === 0) return;
    const seconds = Math.round((this.#now() - this.#since) / 1_000);
    this.#logger.info(message, { failures: this.#failures, seconds });
    this.#failures = 0;
  }
}
