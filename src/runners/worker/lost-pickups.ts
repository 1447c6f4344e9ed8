import { isPqrunError } from "../../core/errors.ts";
import type { PickedUpJob } from "../../core/job.ts";
import type { PickUp } from "../../core/turn/turn-request.ts";
import type { RunnerErrors } from "../runner-error.ts";
import type { CheckedWorker } from "./worker-options.ts";
import { momentOf, mostMsSince } from "../moment.ts";
import type { Moment } from "../moment.ts";
import { answerWithin } from "../wait.ts";

/** What {@link LostPickups} has to know. */
export interface LostPickupsOptions extends Pick<CheckedWorker, "store" | "leaseMs" | "now" | "calendar"> {
  readonly errors: Pick<RunnerErrors, "failed" | "answered">;
}

/** A job of a pick-up whose answer was lost. */
export interface FoundJob {
  readonly job: PickedUpJob;
  /** When the pick-up was sent. */
  readonly sentAt: Moment;
  /** Whether more than half of its lease is over. */
  readonly isOld: boolean;
}

/** How often a lost pick-up is looked for, in milliseconds. */
export const FIND_EVERY_MS = 1_000;

/**
 * Pick-ups whose answers were lost. They may not have been carried out, or not
 * yet; where they were, their jobs are this worker's, found again by the nonce.
 */
export class LostPickups {
  readonly #options: LostPickupsOptions;
  /** Each nonce, when it was sent, and until when it is looked for: then its leases have run out. */
  readonly #lost = new Map<string, { readonly sentAt: Moment; readonly until: number }>();
  #nextAt = Infinity;
  #searching = false;

  constructor(options: LostPickupsOptions) {
    this.#options = options;
  }

  /** When to look next; Infinity where nothing is lost, and during a search. */
  get nextAt(): number {
    return this.#searching ? Infinity : this.#nextAt;
  }

  /** Whether a search is under way. */
  get searching(): boolean {
    return this.#searching;
  }

  /**
   * Learns from a turn that failed.
   *
   * @param sentAt when it was sent
   */
  failed(pickUp: PickUp | undefined, error: unknown, sentAt: Moment): void {
    const { leaseMs, now } = this.#options;
    if (pickUp === undefined || !isPqrunError(error, "unknown-outcome")) return;
    // It may have waited for a lock as long as this side waited for it, and taken its lease only then.
    this.#lost.set(pickUp.lockedBy, { sentAt, until: now() + leaseMs });
    this.#nextAt = now();
  }

  /** The jobs of those pick-ups that turn out to have been carried out, and when those were sent. */
  async find(): Promise<readonly FoundJob[]> {
    const { store, leaseMs, errors } = this.#options;
    const asked = momentOf(this.#options);
    this.#nextAt = asked.at + FIND_EVERY_MS;
    this.#searching = true;
    try {
      const found = await answerWithin("findPickUp", leaseMs / 3, (signal) =>
        store.findPickUp([...this.#lost.keys()], { signal }),
      );
      errors.answered("findPickUp");
      const jobs = found.map((job) => {
        const sentAt = this.#lost.get(job.lockedBy)?.sentAt ?? asked;
        return { job, sentAt, isOld: mostMsSince(sentAt, this.#options) > leaseMs / 2 };
      });
      for (const { lockedBy } of found) this.#lost.delete(lockedBy);
      for (const [lockedBy, { until }] of this.#lost) if (asked.at >= until) this.#lost.delete(lockedBy);
      if (this.#lost.size === 0) this.#nextAt = Infinity;
      return jobs;
    } catch (error) {
      errors.failed("findPickUp", error);
      return [];
    } finally {
      this.#searching = false;
    }
  }
}
