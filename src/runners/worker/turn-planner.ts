import type { Settlement } from "../../core/turn/settlement.ts";
import type { TurnRequest } from "../../core/turn/turn-request.ts";
import type { JobSlots } from "../job/job-slots.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { PollSchedule } from "./poll-schedule.ts";
import type { PickupPlanner } from "./pickup-planner.ts";
import type { RunnerErrors } from "../runner-error.ts";
import type { Waiter } from "../wait.ts";
import type { FirstTurn } from "./first-turn.ts";
import { Ticker } from "./ticker.ts";
import type { TurnPacing } from "./turn-pacing.ts";
import type { WakeListener } from "./wake-listener.ts";
import type { CheckedWorker } from "./worker-options.ts";

/**
 * So many settlements go in a turn of their own, beside the one that picks up: one connection is the limit of a worker
 * that drains a backlog. Fewer are not worth a statement.
 */
const APART = 200;

/** What decides when a turn is due. */
export interface NextTurnsParts {
  readonly options: CheckedWorker;
  readonly slots: JobSlots;
  readonly schedule: PollSchedule;
  readonly pacing: TurnPacing;
  readonly pickups: PickupPlanner;
  readonly leases: LeaseKeeper;
  readonly errors: RunnerErrors;
  readonly first: FirstTurn;
  readonly waiter: Waiter;
}

/** A turn that may do everything, and one apart that only settles. */
export type TurnKind = "whole" | "apart";

/**
 * Which turns are due, and how long nothing is. Of each kind at most one is
 * under way, and no two of them settle.
 *
 * Two that pick up at once would leave fewer cores idle (6 % for 17 %), and be no faster: the second walks over what the
 * first has locked, row by row, and a job costs the server 38 us instead of 32 (measured on two cores).
 */
export class NextTurns {
  /** The turns under way. */
  readonly underWay: Partial<Record<TurnKind, TurnRequest | undefined>> = {};
  workerId = "";
  listener: WakeListener | undefined;
  /** Whether nothing is to be picked up any more. */
  stopping = false;
  /** Whether a stop has lasted for the whole shutdown timeout. */
  timeOver = false;
  /** What the schedules need, beside the turns. */
  readonly ticker: Ticker;
  readonly #parts: NextTurnsParts;

  constructor(parts: NextTurnsParts) {
    this.#parts = parts;
    const { options, errors, first, schedule, waiter } = parts;
    this.ticker = new Ticker({
      ...{ ...options, errors },
      onTicked: () => {
        schedule.pollNow();
        waiter.wake();
      },
      onRefused: (error) => {
        first.refused(error);
      },
    });
  }

  /** Whether no turn is under way. */
  get none(): boolean {
    return this.underWay.whole === undefined && this.underWay.apart === undefined;
  }

  /** All that have been sent and not been answered. */
  get sent(): readonly TurnRequest[] {
    return Object.values(this.underWay).filter((request) => request !== undefined);
  }

  /** The turns that are due. */
  due(now: number): Partial<Record<TurnKind, TurnRequest>> {
    if (!this.stopping) {
      this.listener?.tick(now);
      this.ticker.tick(now);
    }
    const { slots, pacing } = this.#parts;
    if (now < pacing.notBefore && !this.timeOver) return {};
    if (this.timeOver && pacing.failures > 0) return {};
    const { settlementQueue } = slots;
    const idle = this.underWay.whole === undefined;
    // A turn is never sent twice: after an unknown outcome, or a refusal, what was to be settled goes alone.
    const alone = settlementQueue.size > 0 && (pacing.failures > 0 || settlementQueue.suspects);
    const polls = idle && !alone && !this.stopping && this.#polls(now);
    const beside = (polls || !idle) && !alone && !this.#settling && settlementQueue.ready >= APART;
    const apart = beside ? { settlements: this.#settlements(now) } : undefined;
    const whole = idle ? this.#whole(now, alone, polls, this.#settling || beside) : undefined;
    return { ...(apart && { apart }), ...(whole && { whole }) };
  }

  /** How long nothing is due, unless a job ends or a turn is answered first. */
  sleepMs(now: number): number {
    return Math.min(this.#turnInMs(now), this.stopping ? Infinity : this.ticker.nextAt - now);
  }

  #turnInMs(now: number): number {
    const { slots, schedule, pacing, pickups } = this.#parts;
    const { notBefore, gatheredAt, busySince } = pacing;
    // After a failure all waits for the loop's policy, and then something is to be done.
    if (now < notBefore) return notBefore - now;
    if (this.underWay.whole !== undefined) return Infinity;
    const listens = this.listener?.nextAt ?? Infinity;
    const { pollAt, reapAt } = schedule;
    // A worker without a free slot is woken by the end of a job.
    const noRoom = pickups.pausedUntil > now ? pickups.pausedUntil : Infinity;
    const poll = pickups.room === 0 ? noRoom : pollAt <= now ? Infinity : pollAt;
    const { busyMs } = slots.settlementQueue;
    // What has gathered already, and could not leave, waits for an answer.
    const gathered = this.#settling && gatheredAt <= now ? Infinity : gatheredAt;
    const again = this.#settling || busyMs === 0 ? Infinity : busySince + busyMs;
    const settle = Math.min(gathered, again);
    // Never without letting the event loop run.
    return Math.max((this.stopping ? settle : Math.min(poll, reapAt, settle, listens)) - now, 1);
  }

  /** Whether what has ended meanwhile must wait to be settled. */
  get #settling(): boolean {
    const { whole, apart } = this.underWay;
    return apart !== undefined || (whole?.settlements ?? []).length > 0;
  }

  #whole(now: number, alone: boolean, polls: boolean, settling: boolean): TurnRequest | undefined {
    const { options, slots, schedule, pacing, pickups, leases } = this.#parts;
    const { settlementQueue } = slots;
    // Other parts of its turn may be what was refused, and they must not be refused for its sake.
    const suspects = pickups.suspects(now);
    if (suspects && polls) return { pickUp: pickups.next(this.workerId, now) };
    const settle =
      !settling && ((settlementQueue.ready > 0 && this.#hasGathered(now)) || this.#busyIsDue(now));
    const reap = !this.stopping && !alone && schedule.reapIsDue(now, polls);
    const lower = this.stopping && pacing.failures === 0 && this.listener?.lower().guard !== undefined;
    if (!polls && !settle && !reap && !lower) return undefined;
    return {
      // What is buffered will soon have ended, and has a turn of its own then: it must not wait for this one's answer.
      settlements: settling || (polls && slots.buffered >= APART) ? [] : this.#settlements(now),
      // A turn that settles also picks up.
      pickUp: alone || suspects || this.stopping ? undefined : pickups.next(this.workerId, now),
      ...(reap ? { reap: { defaultTimeoutSeconds: options.defaultTimeoutSeconds } } : {}),
      running: reap ? leases.ids() : [],
      schedules: polls && this.ticker.asks(now),
      ...(lower ? this.listener?.lower() : this.listener?.parts()),
    };
  }

  /** Whether it is time to poll and enough room, or nothing to do. */
  #polls(now: number): boolean {
    const { slots, schedule, pacing, pickups } = this.#parts;
    if (now < schedule.pollAt) return false;
    const { room } = pickups;
    if (room === 0) return false;
    pacing.gather();
    return room >= slots.held || this.#hasGathered(now);
  }

  /** What is locked by others is not sent again with each turn: it may be megabytes. */
  #settlements(now: number): readonly Settlement[] {
    const { slots, pacing } = this.#parts;
    return slots.settlementQueue.next(pacing.size.most, this.timeOver || this.#busyIsDue(now));
  }

  #busyIsDue(now: number): boolean {
    const { busyMs } = this.#parts.slots.settlementQueue;
    return busyMs > 0 && now >= this.#parts.pacing.busySince + busyMs;
  }

  #hasGathered(now: number): boolean {
    const { slots, pacing } = this.#parts;
    return slots.held === 0 || this.timeOver || now >= pacing.gatheredAt;
  }
}
