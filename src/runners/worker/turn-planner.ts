/**
 * Which turns a worker is to send, and how long it has nothing to do: functions of what they are shown, which change
 * nothing and remember nothing.
 */

/**
 * So many settlements go in a turn of their own, beside the one that picks up: one connection is the limit of a worker
 * that drains a backlog. Fewer are not worth a statement.
 */
const SETTLE_ONLY_FROM = 200;

/** What a worker is doing, as its planner sees it. Moments are on the worker's clock. */
export interface WorkerView {
  /** Whether nothing is to be picked up any more. */
  readonly stopping: boolean;
  /** Whether a stop has lasted for the whole shutdown timeout. */
  readonly timeOver: boolean;
  /** Whether a turn is under way that may do everything. */
  readonly wholeUnderWay: boolean;
  /** Whether one is that only settles. */
  readonly settleOnlyUnderWay: boolean;
  /** Whether what has ended meanwhile must wait to be settled: no two turns settle at once. */
  readonly settling: boolean;

  /** How many turns in a row have failed. */
  readonly failures: number;
  /** Until when all waits after a failure. */
  readonly notBefore: number;
  /** When what has gathered leaves; Infinity where nothing has. */
  readonly gatheredAt: number;

  /** Ended jobs that the database has not taken yet. */
  readonly unsettled: number;
  /** How many of them have not been tried, or may succeed at once. */
  readonly ready: number;
  /** Whether a settlement may be what was refused. */
  readonly suspectsSettlement: boolean;
  /** When to try again those whose rows others have locked; Infinity where there are none. */
  readonly busyAt: number;

  /** Handlers at work. */
  readonly running: number;
  /** Jobs that wait for a slot. */
  readonly buffered: number;
  /** How many jobs could be picked up, into slots and buffer together. */
  readonly room: number;
  /** Until when nothing is picked up, lest a job that must run isolated waits for ever. */
  readonly pausedUntil: number;
  /** From when on a pick-up goes without anything else, since a job of it may be what was refused. */
  readonly singlePickupAt: number;

  /** When to poll. */
  readonly pollAt: number;
  /** When to reap. */
  readonly reapAt: number;
  /** By how much a reap may be early that goes along with a poll. */
  readonly reapSlackMs: number;
  /** When the listener has something to do. */
  readonly listenAt: number;
  /** Until when this worker's wait marker may stand. */
  readonly markerUntil: number;
  /** When other work has something to do that goes on beside the turns. */
  readonly upkeepAt: number;

  /** When to search for pick-ups whose answers were lost. */
  readonly searchAt: number;
  /** Whether such a search is under way. */
  readonly searching: boolean;
}

/** What one turn is to do. */
export interface TurnPlan {
  /** What of the ended jobs it settles: `ready` leaves those whose rows others have locked. */
  readonly settles: "nothing" | "ready" | "all";
  /** Whether it picks up what there is room for. */
  readonly picksUp: boolean;
  /** Whether it was time to poll: else it picks up since it goes in any case. */
  readonly polls: boolean;
  readonly reaps: boolean;
  /** What becomes of the wait marker. */
  readonly marker: "as it is" | "as needed" | "lowered";
}

/** A turn that may do everything, and one that only settles. */
export type TurnKind = "whole" | "settleOnly";

/** The turns that are to leave now. */
export interface TurnPlans extends Partial<Readonly<Record<TurnKind, TurnPlan>>> {
  /** Whether free slots begin to wait for others to share their turn. */
  readonly gathers: boolean;
}

const NO_TURNS: TurnPlans = { gathers: false };
const NO_PARTS = {
  settles: "nothing",
  picksUp: false,
  polls: false,
  reaps: false,
  marker: "as it is",
} as const;

/**
 * The turns that are due. Of each kind at most one is under way, and no two of them settle.
 *
 * Two that pick up at once would leave fewer cores idle (6 % for 17 %), and be no faster: the second walks over what the
 * first has locked, row by row, and a job costs the server 38 us instead of 32 (measured on two cores).
 */
export function planTurns(view: WorkerView, now: number): TurnPlans {
  const { stopping, timeOver, failures, unsettled, settling, wholeUnderWay } = view;
  if (now < view.notBefore && !timeOver) return NO_TURNS;
  if (timeOver && failures > 0) return NO_TURNS;
  // A turn is never sent twice: after an unknown outcome, or a refusal, what was to be settled goes by itself.
  const settlesOnly = unsettled > 0 && (failures > 0 || view.suspectsSettlement);
  const room = !wholeUnderWay && !settlesOnly && !stopping && now >= view.pollAt ? view.room : 0;
  const polls = room > 0 && (room >= heldBy(view) || hasGathered(view, now));
  const beside = (polls || wholeUnderWay) && !settlesOnly && !settling && view.ready >= SETTLE_ONLY_FROM;
  const whole = wholeUnderWay
    ? undefined
    : planWhole(view, now, { polls, settlesOnly, maySettle: !settling && !beside });
  return {
    gathers: room > 0,
    ...(beside && { settleOnly: { ...NO_PARTS, settles: settled(view, now) } }),
    ...(whole && { whole }),
  };
}

/** How long nothing is due, unless a job ends or a turn is answered first. */
export function idleMs(view: WorkerView, now: number): number {
  const besideAt = Math.min(
    view.stopping ? Infinity : view.upkeepAt,
    view.stopping || view.wholeUnderWay ? Infinity : view.searchAt,
  );
  return Math.max(1, Math.min(turnInMs(view, now), besideAt - now));
}

/** Whether a search for lost pick-ups is to be sent, beside the turns. */
export function searchIsDue({ searchAt, wholeUnderWay, timeOver }: WorkerView, now: number): boolean {
  return now >= searchAt && !wholeUnderWay && !timeOver;
}

/** Whether a worker that stops has nothing left to do. */
export function isOver(view: WorkerView): boolean {
  if (!view.stopping || view.wholeUnderWay || view.settleOnlyUnderWay) return false;
  // What a search finds, or a batch is filled with, is to be given back.
  return view.timeOver || (view.running === 0 && view.unsettled === 0 && !view.searching);
}

interface Decided {
  readonly polls: boolean;
  /** Whether settlements go without anything else. */
  readonly settlesOnly: boolean;
  readonly maySettle: boolean;
}

function planWhole(view: WorkerView, now: number, decided: Decided): TurnPlan | undefined {
  const { stopping } = view;
  const { polls, settlesOnly, maySettle } = decided;
  // Other parts of its turn may be what was refused, and they must not be refused for its sake.
  const singlePickup = now >= view.singlePickupAt;
  if (singlePickup && polls) return { ...NO_PARTS, picksUp: true };
  const settles = maySettle && ((view.ready > 0 && hasGathered(view, now)) || now >= view.busyAt);
  const reaps = !stopping && !settlesOnly && now >= view.reapAt - (polls ? view.reapSlackMs : 0);
  const lowers = stopping && view.failures === 0 && now < view.markerUntil;
  if (!polls && !settles && !reaps && !lowers) return undefined;
  // What is buffered will soon have ended, and has a turn of its own then: it must not wait for this one's answer.
  const waits = !maySettle || (polls && view.buffered >= SETTLE_ONLY_FROM);
  return {
    settles: waits ? "nothing" : settled(view, now),
    // A turn that settles also picks up.
    picksUp: !settlesOnly && !singlePickup && !stopping,
    polls,
    reaps,
    marker: lowers ? "lowered" : "as needed",
  };
}

function turnInMs(view: WorkerView, now: number): number {
  // After a failure all waits for the loop's policy, and then something is to be done.
  if (now < view.notBefore) return view.notBefore - now;
  if (view.wholeUnderWay) return Infinity;
  // A worker without a free slot is woken by the end of a job.
  const noRoomUntil = view.pausedUntil > now ? view.pausedUntil : Infinity;
  const pollAt = view.room === 0 ? noRoomUntil : view.pollAt <= now ? Infinity : view.pollAt;
  // What has gathered already, and could not leave, waits for an answer.
  const gatheredAt = view.settling && view.gatheredAt <= now ? Infinity : view.gatheredAt;
  const settleAt = Math.min(gatheredAt, view.settling ? Infinity : view.busyAt);
  const dueAt = view.stopping ? settleAt : Math.min(pollAt, view.reapAt, settleAt, view.listenAt);
  // Never without letting the event loop run.
  return Math.max(dueAt - now, 1);
}

/** What is locked by others is not sent again with each turn: it may be megabytes. */
function settled(view: WorkerView, now: number): "ready" | "all" {
  return view.timeOver || now >= view.busyAt ? "all" : "ready";
}

function hasGathered(view: WorkerView, now: number): boolean {
  return heldBy(view) === 0 || view.timeOver || now >= view.gatheredAt;
}

function heldBy({ running, buffered }: WorkerView): number {
  return running + buffered;
}
