import type { ExtendAnswer } from "../../core/operations/extend.ts";
import type { PickedUpJob } from "../../core/job.ts";
import { halves } from "../../core/halves.ts";
import { exceedsResources } from "../../core/sql/sql-state.ts";
import { settlementKey } from "../../core/turn/settlement.ts";
import type { RunnerErrors } from "../runner-error.ts";
import type { CheckedWorker } from "./worker-options.ts";
import { momentOf, mostMsSince } from "../moment.ts";
import type { Moment } from "../moment.ts";
import { clearTimeout, setTimeout } from "../timers.ts";
import { answerWithin } from "../wait.ts";

/** What {@link LeaseKeeper} has to know. */
export interface LeaseKeeperOptions extends Pick<CheckedWorker, "store" | "leaseMs" | "now" | "calendar"> {
  readonly errors: Pick<RunnerErrors, "failed" | "answered">;
  /** Called when what was not live is so again. */
  readonly onRevived: () => void;
}

/** How a lease is known to be gone; `already` where its attempt is DONE. */
export type LeaseGone = "already" | "lost" | "cancelled" | "unextended";

/** Called with the job whose lease is gone. */
export type OnLeaseGone = (job: PickedUpJob, how: LeaseGone) => void;

/**
 * Extends the leases of all that a worker holds, at every third of their
 * length, whatever its loop is doing. Where it can't for a whole length, by its
 * own clock, it says that the lease is gone: somebody else may run the job now.
 *
 * That clock may have stood still while the machine slept. So what the calendar says counts, too, where caution costs
 * little: nothing starts on a lease that may be over by either, and it is extended at once. A handler at work goes on
 * until the database says that its lease is gone, so that a calendar that is put right costs no attempts.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #onGone: OnLeaseGone;
  /**
   * What is held, by pick-up, and when the statement that last granted its lease was sent: it ends no earlier than its
   * length after that. One Map of all would keep what has left it: each table that a Map outgrows points to the next.
   */
  readonly #held = new Map<string, Map<PickedUpJob, Moment>>();
  /** When a lease was last seen to be held although the row was locked, by its own handler's transaction perhaps. */
  readonly #lockedAt = new WeakMap<PickedUpJob, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #extending = false;

  constructor(options: LeaseKeeperOptions, onGone: OnLeaseGone) {
    this.#options = options;
    this.#onGone = onGone;
  }

  /** The ids of what is held: a reap leaves them out. */
  ids(): readonly string[] {
    return this.#leases().map(([{ id }]) => id);
  }

  /** Whether the same attempt is held, perhaps as another object. */
  has({ id, lockedBy }: PickedUpJob): boolean {
    return [...(this.#held.get(lockedBy)?.keys() ?? [])].some((held) => held.id === id);
  }

  /** Whether the lease can't have ended yet, by either of this side's clocks: else somebody else may run the job. */
  isLive(job: PickedUpJob): boolean {
    const grantedAt = this.#held.get(job.lockedBy)?.get(job);
    return grantedAt !== undefined && !this.#isPast(grantedAt, this.#options.leaseMs);
  }

  /** @param grantedAt when the pick-up's statement was sent */
  hold(job: PickedUpJob, grantedAt: Moment): void {
    const held = this.#held.get(job.lockedBy) ?? new Map<PickedUpJob, Moment>();
    if (held.size === 0) this.#held.set(job.lockedBy, held);
    held.set(job, grantedAt);
    this.#timer ??= setTimeout(() => {
      void this.#tick();
    }, this.#tickMs);
  }

  /** The job has ended, or its lease is to run out. */
  drop(job: PickedUpJob): void {
    const held = this.#held.get(job.lockedBy);
    held?.delete(job);
    if (held?.size === 0) this.#held.delete(job.lockedBy);
  }

  stop(): void {
    this.#held.clear();
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Often enough that a lease is extended at a third, and that a lost one is noticed within a twelfth. */
  get #tickMs(): number {
    return this.#options.leaseMs / 12;
  }

  async #tick(): Promise<void> {
    this.#timer = undefined;
    const { leaseMs } = this.#options;
    const now = momentOf(this.#options);
    for (const [job, { at }] of this.#leases()) {
      if (now.at - at >= leaseMs && !this.#isLocked(job, now.at)) this.#gone(job, "unextended");
    }
    const due = this.#leases().some(([, grantedAt]) => this.#isPast(grantedAt, leaseMs / 3));
    if (due && !this.#extending) await this.#extend(now);
    if (this.#held.size > 0) {
      this.#timer ??= setTimeout(() => {
        void this.#tick();
      }, this.#tickMs);
    }
  }

  async #extend(sentAt: Moment): Promise<void> {
    const { store, leaseMs, errors } = this.#options;
    this.#extending = true;
    const jobs = this.#leases().map(([job]) => job);
    // The next tick must not wait for a connection that answers no more.
    this.#timer = setTimeout(() => {
      void this.#tick();
    }, this.#tickMs);
    try {
      await answerWithin("extend", leaseMs / 3, (signal) =>
        inHalves(jobs, signal, async (some) => {
          this.#applyAnswer(some, await store.extend(some, leaseMs, { signal }), sentAt);
        }),
      );
      errors.answered("extend");
    } catch (error) {
      errors.failed("extend", error);
    } finally {
      this.#extending = false;
    }
  }

  /** Each half's answers count, whatever becomes of the other half. */
  #applyAnswer(jobs: readonly PickedUpJob[], answers: readonly ExtendAnswer[], sentAt: Moment): void {
    let revived = false;
    const byKey = new Map(jobs.map((job) => [settlementKey(job), job]));
    for (const { verdict, ...fence } of answers) {
      const job = byKey.get(settlementKey(fence));
      const held = job && this.#held.get(job.lockedBy);
      if (job === undefined || held?.has(job) !== true) continue;
      if (verdict === "extended") {
        revived ||= !this.isLive(job);
        held.set(job, sentAt);
      } else if (verdict === "busy") this.#lockedAt.set(job, sentAt.at);
      else this.#gone(job, verdict);
    }
    if (revived) this.#options.onRevived();
  }

  #isPast(grantedAt: Moment, ms: number): boolean {
    return mostMsSince(grantedAt, this.#options) >= ms;
  }

  /** What is locked nobody reaps: so it was a moment ago, and each tick asks again. */
  #isLocked(job: PickedUpJob, now: number): boolean {
    return now - (this.#lockedAt.get(job) ?? -Infinity) < this.#options.leaseMs / 2;
  }

  #leases(): readonly (readonly [job: PickedUpJob, grantedAt: Moment])[] {
    return [...this.#held.values()].flatMap((held) => [...held]);
  }

  #gone(job: PickedUpJob, how: LeaseGone): void {
    this.drop(job);
    this.#onGone(job, how);
  }
}

/** What is too much for one statement is sent in two, unless the time of all of it is over. */
async function inHalves<T>(
  items: readonly T[],
  signal: AbortSignal,
  send: (some: readonly T[]) => Promise<void>,
): Promise<void> {
  try {
    await send(items);
  } catch (error) {
    if (items.length < 2 || !exceedsResources(error) || signal.aborted) throw error;
    for (const half of halves(items)) await inHalves(half, signal, send);
  }
}
