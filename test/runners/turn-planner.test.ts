import { expect, test } from "vitest";

import { idleMs, isOver, planTurns, searchIsDue } from "../../src/runners/worker/turn-planner.ts";
import type { WorkerView } from "../../src/runners/worker/turn-planner.ts";

/** A worker of ten free slots that has nothing to do, at the moment 1,000. */
const NOW = 1_000;
const IDLE: WorkerView = {
  stopping: false,
  timeOver: false,
  wholeUnderWay: false,
  settleOnlyUnderWay: false,
  settling: false,
  failures: 0,
  notBefore: -Infinity,
  gatheredAt: Infinity,
  unsettled: 0,
  ready: 0,
  suspectsSettlement: false,
  busyAt: Infinity,
  running: 0,
  buffered: 0,
  room: 10,
  pausedUntil: -Infinity,
  singlePickupAt: Infinity,
  pollAt: Infinity,
  reapAt: Infinity,
  reapSlackMs: 0,
  listenAt: Infinity,
  markerUntil: -Infinity,
  upkeepAt: Infinity,
  searchAt: Infinity,
  searching: false,
};

/** The turns of a worker, written short: what they do, or undefined. */
function planned(view: Partial<WorkerView>): readonly (string | undefined)[] {
  const { whole, settleOnly } = planTurns({ ...IDLE, ...view }, NOW);
  const parts = whole && [
    ...(whole.settles === "nothing" ? [] : [`settle ${whole.settles}`]),
    ...(whole.reaps ? ["reap"] : []),
    ...(whole.polls ? ["poll"] : []),
    ...(whole.picksUp ? ["pick up"] : []),
    ...(whole.marker === "lowered" ? ["lower"] : []),
  ];
  const others = settleOnly === undefined ? [] : [`settle ${settleOnly.settles}`];
  return [parts?.join(", "), ...others];
}

const idleFor = (view: Partial<WorkerView>): number => idleMs({ ...IDLE, ...view }, NOW);

test.each<[what: string, view: Partial<WorkerView>, whole: string | undefined, settleOnly?: string]>([
  ["nothing is due", {}, undefined],
  ["it is time to poll", { pollAt: NOW }, "settle ready, poll, pick up"],
  ["a poll finds no room", { pollAt: NOW, room: 0 }, undefined],
  ["one slot of ten has become free", { pollAt: NOW, room: 1, running: 9, gatheredAt: NOW + 5 }, undefined],
  [
    "and has waited for others",
    { pollAt: NOW, room: 1, running: 9, gatheredAt: NOW },
    "settle ready, poll, pick up",
  ],
  ["most slots are free", { pollAt: NOW, room: 6, running: 4 }, "settle ready, poll, pick up"],
  ["a job has just ended", { ready: 1, unsettled: 1, running: 9, gatheredAt: NOW + 5 }, undefined],
  [
    "and has waited for others: its turn also picks up",
    { ready: 1, unsettled: 1, running: 9, room: 1, gatheredAt: NOW },
    "settle ready, pick up",
  ],
  ["the last job has ended", { ready: 1, unsettled: 1, gatheredAt: NOW + 5 }, "settle ready, pick up"],
  ["only what others have locked is left", { unsettled: 1, busyAt: NOW + 25 }, undefined],
  ["that is to be tried again", { unsettled: 1, busyAt: NOW }, "settle all, pick up"],
  ["a reap is due", { reapAt: NOW }, "settle ready, reap, pick up"],
  ["a reap is due soon", { reapAt: NOW + 5, reapSlackMs: 10 }, undefined],
  [
    "and goes along with a poll",
    { reapAt: NOW + 5, reapSlackMs: 10, pollAt: NOW },
    "settle ready, reap, poll, pick up",
  ],
  [
    "200 have ended while a poll is under way",
    { wholeUnderWay: true, ready: 200, unsettled: 200 },
    undefined,
    "settle ready",
  ],
  ["199 have", { wholeUnderWay: true, ready: 199, unsettled: 199 }, undefined],
  [
    "200 have ended and a poll is due: the one settles, the other does not",
    { pollAt: NOW, ready: 200, unsettled: 200 },
    "poll, pick up",
    "settle ready",
  ],
  [
    "another turn settles",
    { settling: true, settleOnlyUnderWay: true, ready: 300, unsettled: 300, gatheredAt: NOW },
    undefined,
  ],
  [
    "another turn settles and a poll is due",
    { settling: true, settleOnlyUnderWay: true, ready: 300, unsettled: 300, pollAt: NOW },
    "poll, pick up",
  ],
  [
    "a poll leaves while 200 wait for a slot: they will end before its answer",
    { pollAt: NOW, buffered: 200, room: 1_800, ready: 5, unsettled: 5 },
    "poll, pick up",
  ],
  [
    "a failed turn is waited for",
    { notBefore: NOW + 1, failures: 1, pollAt: NOW, ready: 5, unsettled: 5 },
    undefined,
  ],
  [
    "what it was to settle goes by itself then, and nothing is picked up",
    { failures: 1, pollAt: NOW, reapAt: NOW, ready: 5, unsettled: 5, gatheredAt: NOW },
    "settle ready",
  ],
  [
    "a settlement may be what was refused",
    { suspectsSettlement: true, unsettled: 2, ready: 2, pollAt: NOW },
    "settle ready",
  ],
  [
    "a job may be what was refused: its pick-up carries nothing else",
    { singlePickupAt: NOW, pollAt: NOW, reapAt: NOW, ready: 5, unsettled: 5 },
    "pick up",
  ],
  [
    "such a worker settles without a pick-up",
    { singlePickupAt: NOW, ready: 5, unsettled: 5 },
    "settle ready",
  ],
  [
    "a stop settles, and picks up no more",
    { stopping: true, ready: 5, unsettled: 5, pollAt: NOW, reapAt: NOW },
    "settle ready",
  ],
  ["a stop takes the wait marker down", { stopping: true, markerUntil: NOW + 1 }, "settle ready, lower"],
  [
    "a stop out of time settles all at once",
    { stopping: true, timeOver: true, ready: 5, unsettled: 6, running: 3 },
    "settle all",
  ],
  [
    "and tries no more after a failure",
    { stopping: true, timeOver: true, failures: 1, ready: 5, unsettled: 5 },
    undefined,
  ],
])("%s", (_, view, whole, ...settleOnly) => {
  expect(planned(view)).toEqual([whole, ...settleOnly]);
});

test("a free slot begins to wait for others with the poll that is due, and only then", () => {
  expect(planTurns({ ...IDLE, pollAt: NOW, room: 1, running: 9 }, NOW).gathers).toBe(true);
  expect(planTurns({ ...IDLE, pollAt: NOW, room: 0, running: 10 }, NOW).gathers).toBe(false);
  expect(planTurns({ ...IDLE, pollAt: NOW + 1, room: 1, running: 9 }, NOW).gathers).toBe(false);
});

test.each<[what: string, view: Partial<WorkerView>, ms: number]>([
  ["nothing is due at all", {}, Infinity],
  ["the next poll", { pollAt: NOW + 50 }, 50],
  ["the next reap", { pollAt: NOW + 50, reapAt: NOW + 20 }, 20],
  ["what has gathered", { pollAt: NOW + 50, gatheredAt: NOW + 5 }, 5],
  ["the listener", { pollAt: NOW + 50, listenAt: NOW + 7 }, 7],
  ["schedules, and whatever else goes on beside the turns", { pollAt: NOW + 50, upkeepAt: NOW + 3 }, 3],
  ["a search for lost pick-ups", { pollAt: NOW + 50, searchAt: NOW + 4 }, 4],
  ["a failure's wait, whatever is due", { notBefore: NOW + 90, pollAt: NOW, reapAt: NOW }, 90],
  [
    "an answer, where a turn is under way",
    { wholeUnderWay: true, pollAt: NOW + 50, searchAt: NOW },
    Infinity,
  ],
  ["a job's end, where no slot is free", { room: 0, running: 10, pollAt: NOW + 50 }, Infinity],
  ["the end of a pause, where it keeps slots free", { room: 0, running: 1, pausedUntil: NOW + 30 }, 30],
  [
    "an answer, where what has gathered can't leave",
    { settling: true, settleOnlyUnderWay: true, gatheredAt: NOW },
    Infinity,
  ],
  [
    "a stop waits for what is to be settled alone",
    { stopping: true, pollAt: NOW, upkeepAt: NOW, busyAt: NOW + 25 },
    25,
  ],
  ["never less than a millisecond, so that the event loop runs", { upkeepAt: NOW - 5 }, 1],
])("a worker is idle until %s", (_, view, ms) => {
  expect(idleFor(view)).toBe(ms);
});

test("a worker is over once it was stopped and holds nothing, or its time is", () => {
  const over = (view: Partial<WorkerView>): boolean => isOver({ ...IDLE, ...view });
  expect(over({})).toBe(false);
  expect(over({ stopping: true })).toBe(true);
  expect(over({ stopping: true, running: 1 })).toBe(false);
  expect(over({ stopping: true, unsettled: 1 })).toBe(false);
  expect(over({ stopping: true, searching: true })).toBe(false);
  expect(over({ stopping: true, settleOnlyUnderWay: true })).toBe(false);
  expect(over({ stopping: true, timeOver: true, running: 1, unsettled: 1 })).toBe(true);
  expect(over({ stopping: true, timeOver: true, wholeUnderWay: true })).toBe(false);
});

test("a lost pick-up is searched for between turns, until the time of a stop is over", () => {
  const due = (view: Partial<WorkerView>): boolean => searchIsDue({ ...IDLE, searchAt: NOW, ...view }, NOW);
  expect(due({})).toBe(true);
  expect(due({ searchAt: NOW + 1 })).toBe(false);
  expect(due({ wholeUnderWay: true })).toBe(false);
  expect(due({ stopping: true })).toBe(true);
  expect(due({ stopping: true, timeOver: true })).toBe(false);
});
