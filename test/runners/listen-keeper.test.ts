import { expect, test } from "vitest";

import { ListenKeeper } from "../../src/runners/worker/listen-keeper.ts";
import { FakeListen, saying } from "../support/fake-listen.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** A keeper at the time `at.now`, whose session is open. */
async function keeping(safetyPollMs = MINUTE): Promise<{
  readonly keeper: ListenKeeper;
  readonly session: FakeListen;
  readonly at: { now: number };
  readonly said: string[];
  readonly counts: { wakes: number; doubts: number };
  /** Sends a turn with a probe, if one is due, and answers it. */
  readonly probe: () => string | undefined;
  readonly tick: (ms: number) => Promise<void>;
}> {
  const session = new FakeListen();
  const at = { now: 0 };
  const { said, logger } = saying();
  const counts = { wakes: 0, doubts: 0 };
  const keeper = new ListenKeeper({
    ...{ listen: session.listen, channel: "jobs", safetyPollMs, logger, now: () => at.now },
    onMessage: () => undefined,
    onDoubt: () => void (counts.doubts += 1),
    onWake: () => void (counts.wakes += 1),
    onSooner: () => undefined,
  });
  const probe = (): string | undefined => {
    const sent = keeper.probe(at.now);
    keeper.answered(sent === undefined ? {} : { probe: sent });
    return sent;
  };
  const tick = async (ms: number): Promise<void> => {
    at.now += ms;
    keeper.tick(at.now);
    await Promise.resolve().then(() => undefined);
    await new Promise(setImmediate);
  };
  await keeper.open();
  return { keeper, session, at, said, counts, probe, tick };
}

test("it counts once it has heard its probe, and sends none again before a safety poll", async () => {
  const { keeper, session, probe, tick } = await keeping();
  expect(keeper.heard).toBe(false);
  session.callbacks?.onNotify("probe:somebody else's");
  expect(keeper.heard).toBe(false);
  session.callbacks?.onNotify(probe() ?? "");
  expect(keeper.heard).toBe(true);
  await tick(MINUTE - 1);
  expect(probe()).toBeUndefined();
  await tick(1);
  expect(probe()).toMatch(/^probe:/);
});

test("a probe that is not heard within ten seconds of its turn's answer: it says so once, and another session is opened", async () => {
  const { keeper, session, said, probe, tick } = await keeping();
  session.callbacks?.onNotify(probe() ?? "");
  await tick(MINUTE);
  const lost = probe();
  await tick(10 * SECOND - 1);
  expect(keeper.heard).toBe(true);
  await tick(1);
  expect(keeper.heard).toBe(false);
  expect(session.opened).toBe(2);
  session.callbacks?.onNotify(lost ?? "");
  expect(keeper.heard).toBe(false);
  session.callbacks?.onNotify(probe() ?? "");
  expect(keeper.heard).toBe(true);
  expect(said).toEqual([expect.stringMatching(/^LISTEN is deaf/), "LISTEN hears again"]);
});

test("a session that is deaf for good, as behind a pooler, is replaced less and less often, and still probed", async () => {
  const { session, said, probe, tick } = await keeping();
  let probes = 0;
  for (let seconds = 0; seconds < 24 * 3_600; seconds += 5) {
    if (probe() !== undefined) probes += 1;
    await tick(5 * SECOND);
  }
  expect(session.opened).toBeGreaterThan(20);
  expect(session.opened).toBeLessThan(40);
  expect(probes).toBeGreaterThan(1_000);
  expect(said).toHaveLength(1);
});

test("a session that was lost is opened again after a second, and all is in doubt meanwhile", async () => {
  const { keeper, session, counts, probe, tick } = await keeping();
  session.callbacks?.onNotify(probe() ?? "");
  const { doubts } = counts;
  session.callbacks?.onLost(true);
  expect(keeper.heard).toBe(false);
  expect(counts.doubts).toBe(doubts + 1);
  await tick(999);
  expect(session.opened).toBe(1);
  await tick(1);
  expect(session.opened).toBe(2);
  session.callbacks?.onNotify(probe() ?? "");
  expect(keeper.heard).toBe(true);
});

test("one that can't be had is tried with the database's next answer, and then each minute", async () => {
  const { session, said, probe, tick } = await keeping();
  session.away = true;
  session.callbacks?.onLost(false);
  await tick(SECOND);
  expect(session.opened).toBe(2);
  await tick(10 * MINUTE);
  expect(session.opened).toBe(2);
  probe();
  await tick(0);
  expect(session.opened).toBe(3);
  await tick(MINUTE - 1);
  expect(session.opened).toBe(3);
  session.away = false;
  await tick(1);
  expect(session.opened).toBe(4);
  expect(said).toEqual(["LISTEN failed: polling instead"]);
});

test("a database that may sleep is not woken for a session that it has ended in order; with its next answer it is opened", async () => {
  const { keeper, session, counts, probe, tick } = await keeping(Infinity);
  session.callbacks?.onNotify(probe() ?? "");
  const { wakes } = counts;
  session.callbacks?.onLost(true);
  expect(keeper).toMatchObject({ asleep: true, heard: false, nextAt: Infinity });
  await tick(24 * 60 * MINUTE);
  expect([session.opened, counts.wakes]).toEqual([1, wakes]);
  probe();
  await tick(0);
  expect(session.opened).toBe(2);
  expect(keeper.asleep).toBe(false);
  session.callbacks?.onNotify(probe() ?? "");
  expect(keeper.heard).toBe(true);
});

test("one that broke is opened all the same", async () => {
  const { keeper, session, tick } = await keeping(Infinity);
  session.callbacks?.onLost(false);
  expect(keeper.asleep).toBe(false);
  await tick(SECOND);
  expect(session.opened).toBe(2);
});

test("where no poll comes by itself, turns that leave in any case probe once a minute", async () => {
  const { session, probe, tick } = await keeping(Infinity);
  session.callbacks?.onNotify(probe() ?? "");
  await tick(MINUTE - 1);
  expect(probe()).toBeUndefined();
  await tick(1);
  expect(probe()).toMatch(/^probe:/);
});

test("a queue of NOTIFYs that is full: no probe for a minute, since it would have each turn refused", async () => {
  const { keeper, session, at, probe, tick } = await keeping();
  session.callbacks?.onNotify(probe() ?? "");
  await tick(MINUTE);
  const refused = keeper.probe(at.now);
  keeper.failed({ probe: refused }, Object.assign(new Error("too many notifications"), { code: "54000" }));
  expect(keeper.heard).toBe(false);
  await tick(MINUTE - 1);
  expect(probe()).toBeUndefined();
  await tick(1);
  expect(probe()).toMatch(/^probe:/);
});

test("a turn that failed for another reason is followed by one with a probe", async () => {
  const { keeper, at, probe } = await keeping();
  const sent = keeper.probe(at.now);
  keeper.failed({ probe: sent }, new Error("connection lost"));
  expect(probe()).toMatch(/^probe:/);
});
