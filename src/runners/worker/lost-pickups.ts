import type { PickedUpJob } from "../../core/job.ts";
import type { RunnerErrors } from "../runner-error.ts";
import type { CheckedWorker } from "./worker-options.ts";
import { momentOf } from "../moment.ts";
import type { Moment } from "../moment.ts";
import { TOO_LATE, within } from "../wait.ts";

/** What {@link LostPickUps} has to know. */
export interface LostPickUpsOptions extends Pick<CheckedWorker, "store" | "leaseMs" | "now" | "calendar"> {
  readonly errors: Pick<RunnerErrors, "failed" | "answered">;
}

/** A job of a pick-up whose answer was lost. */
export interface FoundJob {
  readonly job: PickedUpJob;
  /** When the pick-up was sent. */
  readonly sentAt: Moment;
}

/** How often a lost pick-up is looked for, in milliseconds. */
export const FIND_EVERY_MS = 1_000;

/**
 * Pick-ups whose answers were lost. They may not have been carried out, or not
 * yet; where they were, their jobs are this worker's, found again by the nonce.
 */
export class LostPickUps {
  readonly #options: LostPickUpsOptions;
  /** Each nonce, when it was sent, and until when it is looked for: then its leases have run out. */
  readonly #lost = new Map<string, { readonly sentAt: Moment; readonly until: number }>();
  #nextAt = Infinity;

  constructor(options: LostPickUpsOptions) {
    this.#options = options;
  }

  /** When to look next; Infinity where nothing is lost. */
  get nextAt(): number {
    return this.#nextAt;
  }

  /** @param sentAt when the pick-up was sent */
  add(lockedBy: string, sentAt: Moment): void {
    const { leaseMs, now } = this.#options;
    // It may have waited for a lock as long as this side waited for it, and taken its lease only then.
    this.#lost.set(lockedBy, { sentAt, until: now() + leaseMs });
    this.#nextAt = now();
  }

  /** The jobs of those pick-ups that turn out to have been carried out, and when those were sent. */
  async find(): Promise<readonly FoundJob[]> {
    const { store, leaseMs, now, errors } = this.#options;
    const sentAt = momentOf(this.#options);
    this.#nextAt = sentAt.at + FIND_EVERY_MS;
    try {
      const found = await within(leaseMs / 3, (signal) =>
        store.findPickUp([...this.#lost.keys()], { signal }),
      );
      if (found === TOO_LATE) return [];
      errors.answered("findPickUp");
      const jobs = found.map((job) => ({ job, sentAt: this.#lost.get(job.lockedBy)?.sentAt ?? sentAt }));
      for (const { lockedBy } of found) this.#lost.delete(lockedBy);
      for (const [lockedBy, { until }] of this.#lost) if (now() >= until) this.#lost.delete(lockedBy);
      if (this.#lost.size === 0) this.#nextAt = Infinity;
      return jobs;
    } catch (error) {
      errors.failed("findPickUp", error);
      return [];
    }
  }
}
