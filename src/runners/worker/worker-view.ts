import type { TurnRequest } from "../../core/turn/turn-request.ts";
import type { JobSlots } from "../job/job-slots.ts";
import type { LostPickups } from "./lost-pickups.ts";
import type { PickupPlanner } from "./pickup-planner.ts";
import type { PollSchedule } from "./poll-schedule.ts";
import type { TurnPacing } from "./turn-pacing.ts";
import type { TurnKind, WorkerView } from "./turn-planner.ts";
import type { Upkeep } from "./upkeep.ts";
import type { WakeListener } from "./wake-listener.ts";

/** What a worker's loop itself remembers. */
export interface LoopState {
  /** The turns under way. */
  readonly underWay: Partial<Record<TurnKind, TurnRequest | undefined>>;
  stopping: boolean;
  timeOver: boolean;
  /** Empty until the worker has been started. */
  workerId: string;
  /** Absent until then. */
  listener: WakeListener | undefined;
}

/** What a {@link liveView} shows. */
export interface ViewedParts {
  readonly state: Readonly<LoopState>;
  readonly slots: JobSlots;
  readonly schedule: PollSchedule;
  readonly pacing: TurnPacing;
  readonly pickups: PickupPlanner;
  readonly lost: LostPickups;
  readonly upkeep: readonly Upkeep[];
}

/** The parts as the planner sees them, each read when it asks: most questions need a few, and room is counted anew. */
export function liveView(parts: ViewedParts): WorkerView {
  const { state, slots, schedule, pacing, pickups, lost, upkeep } = parts;
  const { underWay } = state;
  const { settlementQueue } = slots;
  return {
    get stopping() {
      return state.stopping;
    },
    get timeOver() {
      return state.timeOver;
    },
    get wholeUnderWay() {
      return underWay.whole !== undefined;
    },
    get settleOnlyUnderWay() {
      return underWay.settleOnly !== undefined;
    },
    get settling() {
      return underWay.settleOnly !== undefined || (underWay.whole?.settlements ?? []).length > 0;
    },
    get failures() {
      return pacing.failures;
    },
    get notBefore() {
      return pacing.notBefore;
    },
    get gatheredAt() {
      return pacing.gatheredAt;
    },
    get unsettled() {
      return settlementQueue.size;
    },
    get ready() {
      return settlementQueue.ready;
    },
    get suspectsSettlement() {
      return settlementQueue.suspects;
    },
    get busyAt() {
      const { busyMs } = settlementQueue;
      return busyMs === 0 ? Infinity : pacing.busySince + busyMs;
    },
    get running() {
      return slots.running;
    },
    get buffered() {
      return slots.buffered;
    },
    get room() {
      return pickups.room;
    },
    get pausedUntil() {
      return pickups.pausedUntil;
    },
    get singlePickupAt() {
      return pickups.singleAt;
    },
    get pollAt() {
      return schedule.pollAt;
    },
    get reapAt() {
      return schedule.reapAt;
    },
    get reapSlackMs() {
      return schedule.reapSlackMs;
    },
    get listenAt() {
      return state.listener?.nextAt ?? Infinity;
    },
    get markerUntil() {
      return state.listener?.markerUntil ?? -Infinity;
    },
    get upkeepAt() {
      return upkeep.reduce((soonest, { nextAt }) => Math.min(soonest, nextAt), Infinity);
    },
    get searchAt() {
      return lost.nextAt;
    },
    get searching() {
      return lost.searching;
    },
  };
}
