import { causesText } from "../../core/values/error-text.ts";
import { isPqrunError } from "../../core/errors.ts";
import type { PickedUpJob } from "../../core/job.ts";
import { REAP_LIMIT } from "../../core/turn/turn-request.ts";
import type { TurnAnswer } from "../../core/turn/turn-answer.ts";
import { RefusedPickUps } from "../../core/turn/refused-pickups.ts";
import type { PickUp, TurnRequest } from "../../core/turn/turn-request.ts";
import type { Budget } from "./budget.ts";
import type { CheckedDrain, DrainEnd, DrainReport } from "./drain-options.ts";
import type { EventCounts } from "../job/job-event.ts";
import type { JobSlots } from "../job/job-slots.ts";
import { logStopped } from "../tick-log.ts";
import { dataErrorState, exceedsResources } from "../../core/sql/sql-state.ts";
import type { Moment } from "../moment.ts";
import { fitted, sizeOf } from "../turn-size.ts";
import type { Timers } from "../wait.ts";

/** A drain is short: what is left out once is left out to its end. */
const DRAIN_TIME = 0;

/** A turn of a drain: even one that only settles asks what is due. */
export type DrainTurn = TurnRequest & { readonly pickUp: PickUp };

/** What a drain sends, each statement within its budget, and what it has learnt from the answers. */
export class DrainStatements {
  /** What the last turn answered. */
  answer: TurnAnswer | undefined;
  /** Whether the next turn reaps: the first does, and each after one whose reap was full. */
  reaps: boolean;
  /** Whether the next turn asks when the next tick is due: the first does, and each after a tick. */
  asks = true;
  /** How many jobs have been picked up. */
  picked = 0;
  /** How many jobs have been pruned. */
  pruned = 0;
  /** The first failure. */
  error: unknown;
  readonly #options: CheckedDrain;
  readonly #budget: Budget;
  readonly #events: EventCounts;
  readonly #slots: JobSlots;
  readonly #timers: Timers;
  readonly #refused: RefusedPickUps;
  /** When the next tick is due, by the time that the drain has taken. */
  #tickAtMs = Infinity;
  /** Whether a tick was due and made nothing: somebody else has it locked, and ticks it. */
  #tickedInVain = false;
  /** Pick-ups whose answers were lost. */
  readonly #lostPickUps: string[] = [];

  constructor(options: CheckedDrain, budget: Budget, events: EventCounts, slots: JobSlots, timers: Timers) {
    this.#options = options;
    this.reaps = options.reaper;
    this.#timers = timers;
    this.#budget = budget;
    this.#events = events;
    this.#slots = slots;
    this.#refused = new RefusedPickUps(options.logger);
  }

  /** The last turn asked for one type alone and knows nothing of others: what the one before it said of these still holds. */
  askedForOneType(before: TurnAnswer): void {
    this.answer = { ...(this.answer ?? before), more: true, nextDueInMs: before.nextDueInMs };
  }

  /**
   * Sends one turn, again with less in it where it was too much.
   *
   * @returns whether an answer came within `ms` in all, or the database refused a settlement, or one job: then each goes alone.
   * @throws whatever the drain's first statement throws
   */
  async turn(request: DrainTurn, ms: number): Promise<boolean> {
    const first = this.#budget.statements === (this.#options.declare === undefined ? 0 : 1);
    const endMs = this.#budget.elapsedMs + ms;
    const sentAt = this.#budget.moment();
    // Half of what its answer is waited for: what was held up for longer is looked for anew while there is time.
    const wanted = { ...request.pickUp, withinMs: ms / 2 };
    const picksUp = wanted.slots > 0;
    const pickUp = picksUp ? this.#refused.next(wanted, DRAIN_TIME) : wanted;
    try {
      const { store } = this.#options;
      const sent = { ...request, pickUp };
      const answer = await this.#budget.spend("turn", ms, (signal) => store.turn(sent, { signal }));
      if (request.reap !== undefined) this.reaps = answer.reaped.length >= REAP_LIMIT;
      this.#applyAnswer(
        request,
        picksUp ? this.#refused.answered(pickUp, answer, DRAIN_TIME) : answer,
        sentAt,
      );
      return true;
    } catch (error) {
      // The next drain may have better luck; this one has jobs to run.
      if (request.reap !== undefined) this.reaps = false;
      const unreapable = request.reap !== undefined && dataErrorState(error) !== undefined;
      const less = unreapable ? unreaping(request) : exceedsResources(error) ? halved(request) : undefined;
      // What is sent again has what is left of the time: the whole of it would be more than the budget.
      const leftMs = endMs - this.#budget.elapsedMs;
      if (less !== undefined && this.#budget.affords(2) && leftMs > 0) {
        const answered = await this.turn(less, leftMs);
        if (unreapable && answered) this.#reapRefused(error);
        return answered;
      }
      if (isPqrunError(error, "unknown-outcome")) this.#lostPickUps.push(request.pickUp.lockedBy);
      const { settlements = [] } = request;
      const affordsLook = picksUp && this.#budget.affords(2);
      if (affordsLook && this.#refused.refused(pickUp, error, settlements.length === 0, DRAIN_TIME)) {
        // A part that is refused was reported with the whole.
        if (pickUp.only === undefined) this.#warn(error);
        this.#slots.settlementQueue.refused(settlements, error, false);
        return true;
      }
      if (first) {
        await this.releaseLost();
        await this.settleRest();
        throw error;
      }
      this.#warn(error);
      if (this.#slots.settlementQueue.refused(settlements, error, !picksUp)) return true;
      this.error ??= error;
      return false;
    }
  }

  /** Writes the drain's own schedules, if that is still to be done. @throws what the database refuses */
  async declare(): Promise<void> {
    const { declare } = this.#options;
    if (declare === undefined) return;
    await this.#budget.spend("declare", this.#budget.untilLastSettlementMs, (signal) => declare({ signal }));
  }

  /** Ticks the schedules, where one is due. @returns whether that may have made jobs */
  async tick(): Promise<boolean> {
    const ms = this.#budget.untilLastSettlementMs;
    const due = this.#tickAtMs <= this.#budget.elapsedMs && !this.#tickedInVain;
    if (!due || ms <= 0 || !this.#budget.affords(3)) return false;
    this.asks = true;
    try {
      const { store, logger } = this.#options;
      const ticks = await this.#budget.spend("tick", ms, (signal) => store.tick({ signal }));
      logStopped(ticks, logger);
      this.#tickedInVain = ticks.length === 0;
      return true;
    } catch (error) {
      // The jobs that there are can be run all the same.
      this.#options.logger.error("schedules could not be ticked", { error: causesText(error) });
      this.error ??= error;
      this.#tickedInVain = true;
      return false;
    }
  }

  /** Whether a further turn would find something. */
  get more(): boolean {
    if (this.suspectsPickUp) return true;
    return this.answer !== undefined && (this.answer.more || this.reaps);
  }

  /** Whether the next pick-up is to go without anything else, as {@link RefusedPickUps.suspects}. */
  get suspectsPickUp(): boolean {
    return this.#refused.suspects(DRAIN_TIME);
  }

  /** Whether something is due, were it locked by somebody else. */
  get #due(): boolean {
    return this.more || this.answer?.contended === true;
  }

  /** Settles all that has ended; what is `busy` is tried again while there is time. */
  async settleRest(): Promise<void> {
    const { settlementQueue } = this.#slots;
    while (settlementQueue.size > 0 && this.#budget.affords(1) && this.#budget.remainingMs > 0) {
      // The last settlement has all that is left.
      if (!(await this.turn(this.settleOnly(), this.#budget.remainingMs))) return;
      if (settlementQueue.ready > 0) continue;
      const ms = Math.min(settlementQueue.busyMs, this.#budget.remainingMs);
      await new Promise<void>((resolve) => {
        this.#budget.after(this.#timers, ms, resolve);
      });
    }
  }

  /** A turn that settles and picks up nothing. Asking for no job still says what is due. */
  settleOnly(): DrainTurn {
    const { types, workerId } = this.#options;
    return {
      settlements: this.#slots.settlementQueue.next(),
      pickUp: { types, slots: 0, lockedBy: workerId, leaseMs: 0 },
    };
  }

  /** A turn is never sent twice: a pick-up whose answer was lost is looked for by its nonce, and given back. */
  async releaseLost(): Promise<void> {
    if (this.#lostPickUps.length === 0 || !this.#budget.affords(2)) return;
    try {
      const { store } = this.#options;
      const ms = this.#budget.untilLastSettlementMs;
      const found = await this.#budget.spend("findPickUp", ms, (signal) =>
        store.findPickUp(this.#lostPickUps, { signal }),
      );
      for (const job of found) this.#slots.release(job);
    } catch {
      // The turn's own error is reported already; these leases run out.
    }
  }

  /** Prunes, if that was asked for and there is time. @returns what cut that short, if anything did */
  async prune(): Promise<DrainEnd | undefined> {
    const { prune, store, signal } = this.#options;
    const ms = this.#budget.untilLastSettlementMs;
    const stopped = (): boolean => signal?.aborted === true;
    if (prune === undefined || this.error !== undefined || stopped()) return undefined;
    if (!this.#budget.affords(1) || ms <= 0) return undefined;
    const another = (): boolean => this.#budget.spendOne();
    try {
      const send = (late: AbortSignal): ReturnType<typeof store.prune> =>
        store.prune(prune, { signal: late, another });
      this.pruned = (await this.#budget.spend("prune", ms, send, signal)).deleted;
    } catch (error) {
      if (stopped()) return "signal";
      // All jobs are settled, and what was not deleted now is for the next drain.
      if (isPqrunError(error, "unknown-outcome") && this.#budget.untilLastSettlementMs <= 0) return "budget";
      this.error = error;
    }
    return undefined;
  }

  /** @param limit what stopped the picking up, if anything did */
  report(limit: DrainEnd | undefined): DrainReport {
    const { answer, pruned, error } = this;
    const more = this.#due;
    const atLimit = limit === "maxJobs" || limit === "maxStatements";
    // A limit that was reached with the last job kept nothing from running.
    const stoppedBy = answer !== undefined && !more && atLimit ? "empty" : (limit ?? "empty");
    const dueInMs = Math.min(
      answer?.nextDueInMs ?? Infinity,
      Math.max(0, this.#tickAtMs - this.#budget.elapsedMs),
    );
    const report = {
      ...this.#events.counts(),
      unsettled: this.#slots.settlementQueue.size + this.#slots.settlementQueue.leftToExpire,
      pruned,
      stoppedBy: error === undefined ? stoppedBy : "error",
      more,
      nextDueInMs: more || dueInMs === Infinity ? null : dueInMs,
      statements: this.#budget.statements,
      elapsedMs: this.#budget.elapsedMs,
    } as const;
    return error === undefined ? report : { ...report, error };
  }

  #warn(error: unknown): void {
    this.#options.logger.warn("statement failed (settle, pick up, reap)", { error: causesText(error) });
  }

  /** A turn with a reap was refused, and was not without. */
  #reapRefused(error: unknown): void {
    // It was the pick-up's doing, which is looked into next; the reap goes with what comes after that.
    if (this.suspectsPickUp) this.reaps = true;
    else this.#options.logger.error("reap refused by the database", { error: causesText(error) });
  }

  #applyAnswer(request: DrainTurn, answer: TurnAnswer, sentAt: Moment): void {
    this.answer = answer;
    const { nextTickInMs } = answer;
    if (nextTickInMs !== undefined) {
      this.asks = false;
      this.#tickAtMs = nextTickInMs === null ? Infinity : this.#budget.elapsedMs + nextTickInMs;
    }
    this.#slots.settlementQueue.answered(request.settlements ?? [], answer.settlements);
    this.#events.emitReaped(answer);
    this.picked += answer.jobs.length;
    const agoMs = this.#budget.mostMsSince(sentAt);
    for (const job of answer.jobs) {
      // The answer may have waited for longer than the lease lasts.
      if (agoMs < leaseMsOf(request.pickUp, job)) this.#slots.add(job);
      else this.#slots.release(job);
    }
  }
}

/** As the turn has it. */
function leaseMsOf(
  { leaseMs, timeoutSeconds, marginMs = 0 }: PickUp,
  job: Pick<PickedUpJob, "timeoutSeconds">,
): number {
  const boundMs = timeoutSeconds === undefined ? Infinity : (job.timeoutSeconds ?? timeoutSeconds) * 1_000;
  return Math.min(leaseMs, boundMs) + marginMs;
}

function unreaping({ reap: _, ...rest }: DrainTurn): DrainTurn {
  return rest;
}

/** Half of what a turn carries, without its reap; undefined where there is nothing to halve. */
function halved({ reap, settlements = [], pickUp, ...rest }: DrainTurn): DrainTurn | undefined {
  const most = Math.floor(sizeOf({ settlements, pickUp }) / 2);
  if (most === 0 && reap === undefined) return undefined;
  const half = Math.max(1, most);
  return {
    ...rest,
    settlements: settlements.slice(0, half),
    pickUp: { ...pickUp, ...fitted(pickUp, half) },
  };
}
