import { expect, test } from "vitest";

import type { TurnAnswer } from "../../src/core/turn/turn-answer.ts";
import type { TurnRequest } from "../../src/core/turn/turn-request.ts";
import { WakeListener, type WakeListenerOptions } from "../../src/runners/worker/wake-listener.ts";
import { FakeListen, saying } from "../support/fake-listen.ts";

const DAY = 86_400_000;
const HOUR = 3_600_000;
/** The database's clock is this far ahead of the worker's. */
const AHEAD = 5 * HOUR;

/** A worker's listener of types `a` and `b`, that has heard its probe. */
async function listening(safetyPollMs = 60_000): Promise<{
  readonly listener: WakeListener;
  readonly at: { now: number };
  /** What it was told, by `due`: "wake", or when something is due, and whether that is sure. */
  readonly told: unknown[];
  readonly hear: (payload: string) => void;
  readonly turn: (answer?: Partial<TurnAnswer>) => TurnRequest;
}> {
  const session = new FakeListen();
  const at = { now: 1_000 };
  const told: unknown[] = [];
  const listener = new WakeListener({
    store: { channel: "jobs", listen: session.listen } as unknown as WakeListenerOptions["store"],
    ...{ worker: "w", types: ["a", "b"], safetyPollMs, logger: saying().logger, now: () => at.now },
    onWake: () => void told.push("wake"),
    onNotified: (dueAt, sure) => void told.push([dueAt, sure]),
    onSooner: () => undefined,
  });
  let transaction = 10n;
  const hear = (payload: string): void => session.callbacks?.onNotify(payload);
  const turn = (answer: Partial<TurnAnswer> = {}): TurnRequest => {
    const request: TurnRequest = { pickUp: {} as NonNullable<TurnRequest["pickUp"]>, ...listener.parts() };
    if (request.probe !== undefined) hear(request.probe);
    transaction += 1n;
    const seen = { snapshot: { oldest: transaction, next: transaction }, clockMs: at.now + AHEAD };
    const empty = { jobs: [], more: false, stood: true, ...seen, ...answer } as unknown as TurnAnswer;
    listener.answered(request, empty, [request]);
    return request;
  };
  await listener.start();
  turn();
  told.length = 0;
  return { listener, at, told, hear, turn };
}

test("a message that names types is heeded by who handles them, when it is due by the database's clock", async () => {
  const { told, hear, at } = await listening();
  hear('[1, [["other", 0]]]');
  hear('[1, [["A", 0, 5, "17"]]]');
  expect(told).toEqual([]);
  hear(`[1, [["other", 0], ["b", ${at.now + AHEAD + 9_000}], ["a", ${at.now + AHEAD + 2_000}, 0, "18"]]]`);
  hear('[1, [["a", 0, 0, "19"]]]');
  expect(told).toEqual([
    [at.now + 2_000, true],
    [at.now, true],
  ]);
});

test.for([
  ["0.1.0's", ""],
  ["another version's", '[2, [["other", 0]]]'],
  ["cut off", '[1, [["other'],
  ["a number", "1"],
  ["null", "null"],
  ["with a due time that is none", '[1, [["other", "tomorrow"]]]'],
  ["with a type that is none", "[1, [[null, 0]]]"],
  ["what once told of a reconnect", "pqrun:reconnected"],
] as const)(
  "a message that can't be read (%s) says that there may be work, and no more",
  async ([, payload]) => {
    const { told, hear, at, turn } = await listening();
    turn();
    hear(payload);
    expect(told).toEqual([[at.now, false]]);
    // It sees whether its guard still stands; that anybody may have it do, and no probe.
    expect(turn()).toMatchObject({ guard: { worker: "w", types: ["a", "b"] } });
    expect(turn().probe).toBeUndefined();
  },
);

test("an enqueue through its own store wakes it for its own types, and for a planned job when that is due", async () => {
  const { listener, told, at } = await listening();
  const due = (ms: number): string => new Date(at.now + AHEAD + ms).toISOString();
  listener.enqueued([{ type: "other", runAfter: null }]);
  expect(told).toEqual([]);
  listener.enqueued([
    { type: "a", runAfter: due(60_000) },
    { type: "b", runAfter: due(3_000) },
    { type: "other", runAfter: null },
  ]);
  listener.enqueued([
    { type: "a", runAfter: due(60_000) },
    { type: "b", runAfter: null },
  ]);
  expect(told).toEqual([[at.now + 3_000, true], "wake"]);
});

test("an enqueue with a delay through its own store wakes it when that is over", async () => {
  const { listener, told, at } = await listening();
  listener.enqueued([
    { type: "a", runAfter: null, delayMs: 60_000 },
    { type: "b", runAfter: null, delayMs: 3_000 },
    { type: "other", runAfter: null },
  ]);
  listener.enqueued([
    { type: "a", runAfter: null, delayMs: 60_000 },
    { type: "b", runAfter: null, delayMs: 0 },
  ]);
  expect(told).toEqual([[at.now + 3_000, true], "wake"]);
});

test.for([60_000, 86_400_000, Infinity])(
  "a guard stands for a day at most, and is renewed by a look before it ends: safety poll %s ms",
  async (safetyPollMs) => {
    const { listener, at, told, turn } = await listening(safetyPollMs);
    const { guard } = turn();
    expect(guard?.forMs).toBe(Math.min(2 * safetyPollMs + 10_000, DAY));
    turn();
    turn();
    expect(listener.idleMs()).toBe(safetyPollMs);
    // Nothing happens until the listener itself wants to look.
    expect(listener.nextAt).toBeLessThanOrEqual(at.now + DAY - HOUR);
    at.now = listener.nextAt;
    listener.tick(at.now);
    expect(told).toContain("wake");
    expect(turn().guard?.forMs).toBe(guard?.forMs);
  },
);

test("a guard that was taken away meanwhile is raised as the first time: it looks until all have ended who missed it", async () => {
  const { listener, at, turn } = await listening();
  turn({ stood: false });
  turn();
  turn();
  expect(listener.idleMs()).toBe(60_000);
  at.now += 60_000;
  expect(turn({ stood: true }).guard).toBeDefined();
  expect(listener.idleMs()).toBe(60_000);
  at.now += 60_000;
  expect(turn({ stood: false }).guard).toBeDefined();
  expect(listener.idleMs()).toBeLessThan(60_000);
});

test("a worker that is busy and idle by turns lowers its guard every ten seconds at most", async () => {
  const { at, turn } = await listening();
  let lowered = 0;
  for (let second = 0; second < 60; second += 1) {
    // Busy for most of it, and then idle for long enough to be told of jobs again.
    for (let look = 0; look < 20; look += 1) {
      at.now += 20;
      const jobs = [{}, {}] as unknown as TurnAnswer["jobs"];
      if (turn(look < 15 ? { jobs } : {}).guard?.forMs === 0) lowered += 1;
    }
    at.now += 600;
    turn();
  }
  expect(lowered).toBeGreaterThanOrEqual(3);
  expect(lowered).toBeLessThanOrEqual(7);
});
