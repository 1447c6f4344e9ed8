import { UnknownOutcomeError } from "../../core/errors.ts";
import type { PruneOptions } from "../../core/operations/prune-rules.ts";
import type { RunnerErrors } from "../runner-error.ts";
import { TOO_LATE, within } from "../wait.ts";
import type { Upkeep } from "./upkeep.ts";
import type { CheckedWorker } from "./worker-options.ts";

/** How long after a look that found nothing, or failed, the next one comes; at least the time between two safety polls. */
const EVERY_MS = 60_000;
/** A worker that lets its database sleep polls about as often. */
const LONGEST_MS = 82_800_000;
/** How soon after a look that found some, but fewer than its limit: it has seen a part of a large table. */
const AGAIN_MS = 1_000;
/** How long one look may take: it deletes up to its limit, and what refers to the rows may have to be changed. */
const LOOK_MS = 30_000;

/** What a pruner has to know. */
export interface PrunerOptions extends Pick<
  CheckedWorker,
  "store" | "logger" | "now" | "safetyPollMs" | "prune"
> {
  readonly errors: RunnerErrors;
  /** Called when a look has ended: `nextAt` is another. */
  readonly onLooked: () => void;
}

/** What a worker has that prunes; nothing where it is not to. */
export function prunersOf(options: PrunerOptions): readonly Upkeep[] {
  return options.prune === undefined ? [] : [new Pruner(options.prune, options)];
}

/** Deletes old finished jobs, one bounded statement at a time, beside the turns. */
class Pruner implements Upkeep {
  readonly #options: PrunerOptions;
  readonly #prune: PruneOptions;
  readonly #stopped = new AbortController();
  #nextAt = -Infinity;
  #underWay = false;

  constructor(prune: PruneOptions, options: PrunerOptions) {
    this.#prune = prune;
    this.#options = options;
  }

  get nextAt(): number {
    return this.#underWay ? Infinity : this.#nextAt;
  }

  tick(now: number): void {
    if (this.#underWay || now < this.#nextAt) return;
    this.#underWay = true;
    void this.#look().then((afterMs) => {
      this.#underWay = false;
      this.#nextAt = this.#options.now() + afterMs;
      this.#options.onLooked();
    });
  }

  /** Ends the look under way, for good. */
  stop(): void {
    this.#stopped.abort();
  }

  /** @returns after how many milliseconds the next look is due. Never rejects. */
  async #look(): Promise<number> {
    const { store, errors, logger, safetyPollMs } = this.#options;
    const { signal: stopped } = this.#stopped;
    const another = (): boolean => !stopped.aborted;
    try {
      const pruned = await within(
        LOOK_MS,
        (signal) => store.prune(this.#prune, { signal, another }),
        stopped,
      );
      if (stopped.aborted) return Infinity;
      if (pruned === TOO_LATE) throw new UnknownOutcomeError("prune", new Error("no answer came in time"));
      errors.answered("prune");
      if (pruned.deleted > 0) {
        logger.debug("old jobs were deleted", { deleted: pruned.deleted });
        return pruned.more ? 0 : AGAIN_MS;
      }
    } catch (error) {
      // What a stop cuts short is no failure.
      if (stopped.aborted) return Infinity;
      errors.failed("prune", error);
    }
    return Math.min(Math.max(EVERY_MS, safetyPollMs), LONGEST_MS);
  }
}
