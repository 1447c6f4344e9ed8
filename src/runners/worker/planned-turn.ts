import type { Settlement } from "../../core/turn/settlement.ts";
import type { TurnRequest } from "../../core/turn/turn-request.ts";
import type { JobSlots } from "../job/job-slots.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { PickupPlanner } from "./pickup-planner.ts";
import type { Ticker } from "./ticker.ts";
import type { TurnPacing } from "./turn-pacing.ts";
import type { TurnPlan } from "./turn-planner.ts";
import type { CheckedWorker } from "./worker-options.ts";
import type { LoopState } from "./worker-view.ts";

/** What a turn carries comes from these. */
export interface TurnSources {
  readonly options: Pick<CheckedWorker, "defaultTimeoutSeconds">;
  readonly state: Readonly<Pick<LoopState, "workerId" | "listener">>;
  readonly slots: JobSlots;
  readonly pacing: TurnPacing;
  readonly pickups: PickupPlanner;
  readonly leases: LeaseKeeper;
  readonly ticker: Ticker;
}

/** The turn that a plan calls for, to be sent now: its pick-up has a nonce of its own. */
export function turnOf(plan: TurnPlan, sources: TurnSources, now: number): TurnRequest {
  const { options, state, pickups, leases, ticker } = sources;
  return {
    settlements: settlementsOf(plan, sources),
    pickUp: plan.picksUp ? pickups.next(state.workerId, now) : undefined,
    ...(plan.reaps ? { reap: { defaultTimeoutSeconds: options.defaultTimeoutSeconds } } : {}),
    running: plan.reaps ? leases.ids() : [],
    schedules: plan.polls && ticker.asks(now),
    ...markerOf(plan, sources),
  };
}

function settlementsOf({ settles }: TurnPlan, { slots, pacing }: TurnSources): readonly Settlement[] {
  return settles === "nothing" ? [] : slots.settlementQueue.next(pacing.size.most, settles === "all");
}

function markerOf({ marker }: TurnPlan, { state }: TurnSources): Pick<TurnRequest, "guard" | "probe"> {
  const { listener } = state;
  if (listener === undefined || marker === "as it is") return {};
  return marker === "lowered" ? listener.lower() : listener.parts();
}
