import { expect, test } from "vitest";

import type { ListenCallbacks } from "../../src/core/executor.ts";
import type { TurnAnswer } from "../../src/core/turn/turn-answer.ts";
import type { TurnRequest } from "../../src/core/turn/turn-request.ts";
import { WakeListener, type WakeListenerOptions } from "../../src/runners/worker/wake-listener.ts";
import { DEAF } from "../support/deaf.ts";

const SAFETY_POLL_MS = 60_000;

/** What a turn saw of the transactions open at its time: the oldest, and the next to begin. */
const saw = (oldest: bigint, next: bigint): TurnAnswer =>
  ({ jobs: [], more: false, snapshot: { oldest, next } }) as unknown as TurnAnswer;

/** A listener that has heard its probe, and the turn that raises its guard. */
async function raising(): Promise<{ readonly listener: WakeListener; readonly raise: TurnRequest }> {
  let hear = (_payload: string): void => undefined;
  const store = {
    channel: "jobs",
    listen: (_channel: string, { onNotify }: ListenCallbacks) => {
      hear = onNotify;
      return Promise.resolve(DEAF);
    },
  };
  const listener = new WakeListener({
    store: store as unknown as WakeListenerOptions["store"],
    worker: "w",
    types: ["a"],
    safetyPollMs: SAFETY_POLL_MS,
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    now: () => 1_000,
    onWake: () => undefined,
    onNotified: () => undefined,
    onSooner: () => undefined,
  });
  await listener.start();
  hear(listener.parts().probe ?? "");
  const raise = listener.parts();
  expect(raise.guard?.forMs).toBeGreaterThan(SAFETY_POLL_MS);
  return { listener, raise };
}

test("a worker sleeps once all have ended that were open at a look after its guard stood", async () => {
  const { listener, raise } = await raising();
  listener.answered(raise, saw(5n, 10n), [raise]);
  const looks = [{}, {}];
  // A writer that has not seen the guard is 10, and is still open.
  listener.answered(looks[0] ?? {}, saw(10n, 11n), looks);
  expect(listener.idleMs()).toBeLessThan(SAFETY_POLL_MS);
  listener.answered(looks[1] ?? {}, saw(11n, 11n), looks);
  expect(listener.idleMs()).toBe(SAFETY_POLL_MS);
});

test("what a turn saw that was sent before the guard stood, and answered after, does not count", async () => {
  const { listener, raise } = await raising();
  const settling: TurnRequest = {};
  listener.answered(raise, saw(5n, 10n), [raise, settling]);
  // It saw nothing of the writer, which began when this turn had: 10, not ended, and it has not seen the guard.
  listener.answered(settling, saw(9n, 10n), [settling]);
  const look: TurnRequest = {};
  listener.answered(look, saw(10n, 11n), [look]);
  expect(listener.idleMs()).toBeLessThan(SAFETY_POLL_MS);
  const later: TurnRequest = {};
  listener.answered(later, saw(11n, 12n), [later]);
  expect(listener.idleMs()).toBe(SAFETY_POLL_MS);
});
