import { stepOf, type IdlePollPolicy } from "../../core/delay-policies.ts";
import { REAP_LIMIT } from "../../core/turn/turn-request.ts";
import type { TurnAnswer } from "../../core/turn/turn-answer.ts";
import type { TurnRequest } from "../../core/turn/turn-request.ts";
import { NotifiedPolls } from "./notified-polls.ts";
import { dataErrorState, exceedsResources } from "../../core/sql/sql-state.ts";
import { SOON_MS } from "../wait.ts";
import type { CheckedWorker } from "./worker-options.ts";

/** How often a worker reaps while it drains a backlog: the turns leave anyway. */
const BUSY_REAP_MS = 2_000;
/** How long a lost row is left alone that a reap could not have: somebody else has it locked. */
const LOCKED_REAP_MS = 1_000;
/** How long after a lease's end it is reaped. */
const AFTER_LEASE_MS = 100;
/** Timers may fire a little early, and a job that isn't due yet costs a poll. */
const AFTER_DUE_MS = 1;

/** When to poll for work, and when to reap: two moments on the worker's clock. */
export class PollSchedule {
  readonly #idlePoll: IdlePollPolicy;
  readonly #reaper: boolean;
  readonly #reapIntervalMs: number;
  readonly #safetyPollMs: number;
  #pollAt = -Infinity;
  #reapAt = -Infinity;
  #reapSlackMs = 0;
  /** Not before: a row that can't be reaped must not have its turn refused again at once. */
  #reapNotBefore = -Infinity;
  #emptyPolls = 0;
  #contendedPolls = 0;
  /** Whether there may be work that the poll under way is too early to see. */
  #askedMeanwhile = false;
  readonly #notified = new NotifiedPolls();

  constructor(options: Pick<CheckedWorker, "idlePoll" | "reaper" | "reapIntervalMs" | "safetyPollMs">) {
    this.#idlePoll = options.idlePoll;
    this.#reaper = options.reaper;
    this.#reapIntervalMs = options.reapIntervalMs;
    this.#safetyPollMs = options.safetyPollMs;
    if (!options.reaper) this.#reapAt = Infinity;
  }

  get pollAt(): number {
    return Math.min(this.#pollAt, this.#notified.at);
  }

  get reapAt(): number {
    return this.#reapAt;
  }

  /** A reap that would be due so soon goes along with a poll: one turn a minute is both it and the safety poll. */
  get reapSlackMs(): number {
    return this.#reapSlackMs;
  }

  /** There may be work now. */
  pollNow(): void {
    this.#pollAt = -Infinity;
    this.#emptyPolls = 0;
    this.#askedMeanwhile = true;
  }

  /** Somebody has told of work, as {@link NotifiedPolls.notified}. */
  notified(dueAt: number, sure: boolean): void {
    this.#notified.notified(dueAt, sure);
  }

  /** A poll is about to be sent: what comes from now on its answer may not know. */
  sent(now: number): void {
    this.#askedMeanwhile = false;
    this.#notified.sent(now);
  }

  /**
   * Learns from a turn when to reap next.
   *
   * @param reaped whether it reaped
   * @param idleMs as {@link PollSchedule.polled}
   */
  mayReap(answer: TurnAnswer, now: number, reaped: boolean, idleMs: number | undefined): void {
    if (!this.#reaper) return;
    // Where nothing runs there is nothing to reap: a database that sleeps is not woken for it.
    const sleeps = idleMs === Infinity && this.#safetyPollMs === Infinity;
    const full = answer.reaped.length >= REAP_LIMIT;
    // Each poll tells of such a row, too.
    if (reaped && !full && answer.nextLeaseEndInMs === 0)
      this.#reapNotBefore = Math.max(this.#reapNotBefore, now + LOCKED_REAP_MS);
    if (full) this.#reapIn(0, now);
    else if (sleeps) this.#reapAt = Infinity;
    else if (reaped) this.#reapIn(this.#reapAgainMs(answer), now);
    const { nextLeaseEndInMs } = answer;
    if (nextLeaseEndInMs !== null && now + nextLeaseEndInMs + AFTER_LEASE_MS < this.#reapAt)
      this.#reapIn(nextLeaseEndInMs + AFTER_LEASE_MS, now);
  }

  /**
   * A turn that failed is to be made good; one whose reap may be to blame leaves that until the interval has passed.
   *
   * @param pickUpToBlame whether its pick-up may be what was refused
   */
  failed({ reap, settlements = [] }: TurnRequest, error: unknown, now: number, pickUpToBlame: boolean): void {
    if (reap !== undefined && (dataErrorState(error) !== undefined || exceedsResources(error))) {
      const ms = exceedsResources(error)
        ? Math.min(BUSY_REAP_MS, this.#reapIntervalMs)
        : this.#reapIntervalMs;
      this.#reapNotBefore = now + ms;
      this.#reapIn(ms, now);
    }
    // A pick-up that went alone: the reap that was put off with it had not been to blame.
    if (pickUpToBlame && reap === undefined && settlements.length === 0) this.#reapAsEver(now);
    this.pollNow();
  }

  /**
   * Learns from a turn that polled.
   *
   * @param idleMs how long a worker that is woken by NOTIFY may sleep; undefined for one that polls
   */
  polled(answer: TurnAnswer, now: number, idleMs: number | undefined): void {
    this.#notified.polled(answer.more || answer.jobs.length > 0, now);
    if (answer.more || this.#askedMeanwhile) {
      this.pollNow();
      this.#contendedPolls = 0;
      return;
    }
    this.#emptyPolls = answer.jobs.length > 0 ? 0 : this.#emptyPolls + 1;
    const pollMs = idleMs ?? this.#idlePoll.delayMs(Math.max(1, this.#emptyPolls));
    const dueMs = answer.nextDueInMs === null ? Infinity : answer.nextDueInMs + AFTER_DUE_MS;
    this.#pollAt = now + Math.min(pollMs, dueMs, this.#contendedMs(answer));
  }

  /** What was put off is due. */
  #reapAsEver(now: number): void {
    if (this.#reapNotBefore <= now) return;
    this.#reapNotBefore = -Infinity;
    this.#reapIn(0, now);
  }

  #reapIn(ms: number, now: number): void {
    this.#reapAt = Math.max(now + ms, this.#reapNotBefore);
    this.#reapSlackMs = ms === this.#reapIntervalMs ? ms / 6 : 0;
  }

  #reapAgainMs({ more, reaped }: TurnAnswer): number {
    return more || reaped.length > 0 ? Math.min(BUSY_REAP_MS, this.#reapIntervalMs) : this.#reapIntervalMs;
  }

  #contendedMs({ contended }: TurnAnswer): number {
    if (!contended) {
      this.#contendedPolls = 0;
      return Infinity;
    }
    this.#contendedPolls += 1;
    return stepOf(SOON_MS, this.#contendedPolls);
  }
}
