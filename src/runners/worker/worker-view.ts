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
  /** How many pick-ups are under way that fill a batch. */
  filling: number;
  /** Empty until the worker has been started. */
  workerId: string;
  /** Absent until then. */
  listener: WakeListener | undefined;
}

/** What it remembers before it is started. */
export function notStarted(): LoopState {
  return {
    underWay: {},
    stopping: false,
    timeOver: false,

    filling: 0,
    workerId: "",
    listener: undefined,
  };
}

/** What {@link viewOf} reads. */
export interface ViewedParts {
  readonly state: Readonly<LoopState>;
  readonly slots: JobSlots;
  readonly schedule: PollSchedule;
  readonly pacing: TurnPacing;
  readonly pickups: PickupPlanner;
  readonly lost: LostPickups;
  readonly upkeep: readonly Upkeep[];
}

/** The parts as the planner sees them in this moment. */
export function viewOf(parts: ViewedParts): WorkerView {
  const { state, slots, schedule, pacing, pickups, lost, upkeep } = parts;
  const { stopping, timeOver, listener, underWay } = state;
  const { whole, settleOnly } = underWay;
  const { settlementQueue, running, buffered } = slots;
  const { busyMs } = settlementQueue;
  return {
    ...{ stopping, timeOver, running, buffered },
    wholeUnderWay: whole !== undefined,
    settleOnlyUnderWay: settleOnly !== undefined,
    settling: settleOnly !== undefined || (whole?.settlements ?? []).length > 0,
    failures: pacing.failures,
    notBefore: pacing.notBefore,
    gatheredAt: pacing.gatheredAt,
    unsettled: settlementQueue.size,
    ready: settlementQueue.ready,
    suspectsSettlement: settlementQueue.suspects,
    busyAt: busyMs === 0 ? Infinity : pacing.busySince + busyMs,
    // Counted anew over all that runs, and needed only where a poll may be due.
    get room() {
      return pickups.room;
    },
    pausedUntil: pickups.pausedUntil,
    singlePickupAt: pickups.singleAt,
    pollAt: schedule.pollAt,
    reapAt: schedule.reapAt,
    reapSlackMs: schedule.reapSlackMs,
    listenAt: listener?.nextAt ?? Infinity,
    markerUntil: listener?.markerUntil ?? -Infinity,
    upkeepAt: upkeep.reduce((soonest, { nextAt }) => Math.min(soonest, nextAt), Infinity),
    searchAt: lost.nextAt,
    searching: lost.searching || state.filling > 0,
  };
}
