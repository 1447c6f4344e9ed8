import { expect, test } from "vitest";

import { Accountant, type Account, type FinalRow, type Transition } from "./account.ts";
import { LedgerView, STARVED } from "./ledger-view.ts";
import type { LedgerLine } from "./ledger.ts";

const ROW: FinalRow = {
  ...{ id: "1", marker: "m1", kind: "quick", status: "DONE", attempts: 1, maxAttempts: 5, effects: 0 },
  ...{ dedupeKey: null, schedule: null },
};
const ENQUEUED: readonly LedgerLine[] = [
  { k: "intent", m: ["m1"], keys: [null] },
  { k: "ack", m: ["m1"], ids: ["1"], c: [true] },
];
const DONE_EVENT: LedgerLine = { k: "event", e: "done", id: "1", a: 1, p: "w", t: 2 };

const start = (attempts: number, process: string, t: number): LedgerLine => ({
  ...{ k: "start", id: "1", a: attempts, l: `${process}:n`, p: process, t },
});
const PICKED: Transition = {
  ...{ oldStatus: "READY", newStatus: "RUNNING", oldAttempts: 0, newAttempts: 1 },
  ...{ at: 1, oldLockedBy: null, newLockedBy: "w:n", writer: null },
};
const DONE: Transition = {
  ...{ oldStatus: "RUNNING", newStatus: "DONE", oldAttempts: 1, newAttempts: 1 },
  ...{ at: 2, oldLockedBy: "w:n", newLockedBy: "w:n", writer: "1/w:n" },
};
const REAPED: Transition = { ...DONE, newStatus: "READY", newLockedBy: null, writer: null };
const TAKEN_OVER: readonly Transition[] = [
  ...[PICKED, REAPED, { ...PICKED, oldAttempts: 1, newAttempts: 2, newLockedBy: "x:n" }],
  { ...DONE, oldAttempts: 2, newAttempts: 2, oldLockedBy: "x:n", newLockedBy: "x:n", writer: "2/x:n" },
];
const TWICE = [...ENQUEUED, start(1, "w", 1), start(2, "x", 5)];

/** Enqueued, and run once. */
const RAN = [...ENQUEUED, start(1, "w", 1)];

function found(
  lines: readonly LedgerLine[],
  row: FinalRow | null = ROW,
  transitions: readonly Transition[] = [PICKED, DONE],
): Partial<Record<Account, number>> {
  const ledger = new LedgerView();
  for (const line of lines) ledger.add(line);
  const accountant = new Accountant(ledger);
  if (row !== null) accountant.row(row, transitions);
  return Object.fromEntries(Object.entries(accountant.finish()).filter(([, count]) => count > 0));
}

/** The line of a fault. */
function hurt(why: string, process: string | null, t: number, until = t): LedgerLine {
  return { k: "hurt", why, p: process, t, until };
}

test("a job that was enqueued, run once and recorded once is no finding", () => {
  expect(found([...ENQUEUED, start(1, "w", 1), DONE_EVENT])).toEqual({});
});

test("an acknowledged job without a row is lost", () => {
  expect(found(ENQUEUED, null, [])).toEqual({ lost: 1 });
});

test("a row that nobody enqueued is unexpected", () => {
  expect(found([start(1, "w", 1)])).toEqual({ unexpected: 1 });
});

test("a row that a schedule has made needs nobody who has enqueued it", () => {
  expect(found([start(1, "w", 1)], { ...ROW, marker: null, schedule: "s" })).toEqual({});
});

test("a row whose enqueue was said to have written nothing is unexpected", () => {
  expect(found([...RAN, { k: "refused", m: ["m1"], why: "23505" }])).toEqual({ unexpected: 1 });
});

test("two rows of one enqueue are unexpected", () => {
  const ledger = new LedgerView();
  for (const line of ENQUEUED) ledger.add(line);
  const accountant = new Accountant(ledger);
  accountant.row(ROW, [PICKED, DONE]);
  accountant.row({ ...ROW, id: "2" }, [PICKED, DONE]);
  expect(accountant.finish()).toMatchObject({ unexpected: 1 });
});

test("a job that is not terminal is stuck", () => {
  expect(found(RAN, { ...ROW, status: "RUNNING" }, [PICKED])).toEqual({ stuck: 1 });
});

test("a settlement of an attempt that no longer holds the job is a stale write", () => {
  expect(found(RAN, ROW, [PICKED, { ...DONE, writer: "1/zombie" }])).toEqual({ staleWrites: 1 });
});

test("any change of a terminal row is a stale write", () => {
  expect(found(RAN, ROW, [PICKED, DONE, { ...REAPED, oldStatus: "DONE" }])).toEqual({ staleWrites: 1 });
});

test("two recorded outcomes are found", () => {
  expect(found(RAN, ROW, [PICKED, DONE, DONE])).toEqual({ doubleOutcomes: 1 });
});

test("two outcomes told to runners are found", () => {
  expect(found([...RAN, DONE_EVENT, DONE_EVENT])).toEqual({ doubleOutcomes: 1 });
});

test("a run above max_attempts is found", () => {
  const lines = [...TWICE, hurt("killProcess", "w", 2)];
  expect(found(lines, { ...ROW, maxAttempts: 1 }, TAKEN_OVER)).toEqual({ aboveMaxAttempts: 1 });
});

test("an attempt given back leaves room for one more start", () => {
  const snoozed = { ...DONE, newStatus: "READY", newAttempts: 0, writer: null };
  const lines = [...ENQUEUED, start(1, "w", 1), start(1, "x", 5)];
  const again = [
    { ...PICKED, newLockedBy: "x:n" },
    { ...DONE, oldLockedBy: "x:n", newLockedBy: "x:n", writer: "1/x:n" },
  ];
  const row = { ...ROW, kind: "snooze", maxAttempts: 1 };
  expect(found(lines, row, [PICKED, snoozed, ...again])).toEqual({});
});

test("a second start is explained by a fault of the first attempt's process, and by nobody else's", () => {
  const stopped = (process: string | null): LedgerLine => hurt("stopProcess", process, 2, 3);
  expect(found(TWICE, { ...ROW, attempts: 2 }, TAKEN_OVER)).toEqual({ unexplainedStarts: 1 });
  expect(found([...TWICE, stopped("x")], { ...ROW, attempts: 2 }, TAKEN_OVER)).toEqual({
    unexplainedStarts: 1,
  });
  expect(found([...TWICE, stopped("w")], { ...ROW, attempts: 2 }, TAKEN_OVER)).toEqual({});
  expect(found([...TWICE, stopped(null)], { ...ROW, attempts: 2 }, TAKEN_OVER)).toEqual({});
});

test("one attempt that starts twice is never explained", () => {
  const lines = [...ENQUEUED, start(1, "w", 1), start(1, "w", 2)];
  expect(found([...lines, hurt("killProcess", "w", 1, 2)])).toEqual({ unexplainedStarts: 1 });
});

test("a poison job that ends DONE, and an effect that did not happen once, are found", () => {
  expect(found(RAN, { ...ROW, kind: "crash" })).toEqual({ poisonNotFailed: 1 });
  for (const kind of ["settle", "referSettle"])
    expect(found(RAN, { ...ROW, kind, effects: 2 })).toEqual({ effectsNotOnce: 1 });
});

const CANCELLED: Transition = { ...DONE, newStatus: "CANCELLED", writer: null };

test("an outcome that was told, and is not the one that is recorded, is found", () => {
  const cancelled = { ...ROW, status: "CANCELLED" };
  expect(found(RAN, cancelled, [PICKED, CANCELLED])).toEqual({});
  expect(found([...RAN, DONE_EVENT], cancelled, [PICKED, CANCELLED])).toEqual({ doubleOutcomes: 1 });
});

test("an id that is answered to one caller, and is another's job, is found", () => {
  const others: readonly LedgerLine[] = [
    { k: "intent", m: ["m2"], keys: ["key"] },
    { k: "ack", m: ["m2"], ids: ["1"], c: [true] },
  ];
  expect(found([...RAN, ...others])).toEqual({ wrongIds: 1 });
});

test("an active job's id is right for who asked for its key, and for nobody else", () => {
  const asked = (key: string | null): readonly LedgerLine[] => [
    { k: "intent", m: ["m2"], keys: [key] },
    { k: "ack", m: ["m2"], ids: ["1"], c: [false] },
  ];
  const keyed = { ...ROW, dedupeKey: "key" };
  expect(found([...RAN, ...asked("key")], keyed)).toEqual({});
  expect(found([...RAN, ...asked("other")], keyed)).toEqual({ wrongIds: 1 });
  expect(found([...RAN, ...asked(null)], ROW)).toEqual({ wrongIds: 1 });
});

const FAILED: Transition = { ...REAPED, newStatus: "FAILED" };
const FAILED_ROW: FinalRow = { ...ROW, status: "FAILED", maxAttempts: 1 };

test("a job that FAILED although no handler ran is found, and so is each attempt that was counted for nothing", () => {
  const unrun = { wastedAttempts: 1, failedUnrun: 1 };
  expect(found(ENQUEUED, FAILED_ROW, [PICKED, FAILED])).toEqual(unrun);
  expect(found(ENQUEUED, ROW, TAKEN_OVER)).toEqual({ wastedAttempts: 2 });
  expect(found([...ENQUEUED, hurt("killProcess", "w", 2)], FAILED_ROW, [PICKED, FAILED])).toEqual({});
  expect(found([...ENQUEUED, hurt("killProcess", "x", 2)], FAILED_ROW, [PICKED, FAILED])).toEqual(unrun);
});

test("an attempt that was given back, or cancelled before it started, was not counted for nothing", () => {
  const back = { ...DONE, newStatus: "READY", newAttempts: 0, writer: null };
  const cancelled = { ...CANCELLED, oldStatus: "READY", oldAttempts: 0 };
  expect(found(ENQUEUED, { ...ROW, status: "CANCELLED" }, [PICKED, back, cancelled])).toEqual({});
  expect(found(ENQUEUED, { ...ROW, status: "CANCELLED" }, [PICKED, CANCELLED])).toEqual({});
});

test("a lock explains what began before its end: what was picked up after it, for nobody, it does not", () => {
  const locked = (from: number, until: number): LedgerLine => hurt("lockTable", null, from, until);
  const late = { ...PICKED, newLockedBy: "w:nonce", at: 5_000 };
  const lost = { ...FAILED, oldLockedBy: "w:nonce", at: 8_000 };
  const within = [...ENQUEUED, locked(5_500, 7_500)];
  const abandoned = [...ENQUEUED, locked(1_000, 4_990)];
  expect(found(within, FAILED_ROW, [late, lost])).toEqual({});
  expect(found(abandoned, FAILED_ROW, [late, lost])).toEqual({ wastedAttempts: 1, failedUnrun: 1 });
  expect(found([...TWICE, locked(1, 4)], { ...ROW, attempts: 2 }, TAKEN_OVER)).toEqual({});
});

test("the first attempt of a row that may not settle is lost, and that needs no other reason", () => {
  expect(found(TWICE, { ...ROW, kind: "denySettle", attempts: 2 }, TAKEN_OVER)).toEqual({});
});

test("a drain may cut a handler short that refers to its job, and settle it; a lease that was lost it may not", () => {
  const cutShort: Transition = { ...DONE, newStatus: "READY", writer: null };
  const again: Transition = { ...PICKED, oldAttempts: 1, newAttempts: 2, newLockedBy: "x:n" };
  const row = { ...ROW, kind: "refer", attempts: 2 };
  expect(found(TWICE, row, [PICKED, cutShort, again])).toEqual({});
  expect(found(TWICE, row, [PICKED, REAPED, again])).toEqual({ unexplainedStarts: 1 });
});

test("what nothing but a busy machine explains is counted, and for how long it was busy", () => {
  const excusedBy = (...lines: readonly LedgerLine[]): number => {
    const ledger = new LedgerView();
    for (const line of [...TWICE, ...lines]) ledger.add(line);
    new Accountant(ledger).row({ ...ROW, attempts: 2 }, TAKEN_OVER);
    return ledger.excused;
  };
  expect(excusedBy(hurt(STARVED, "w", 2))).toBe(1);
  expect(excusedBy(hurt(STARVED, "w", 2), hurt("killProcess", "w", 2))).toBe(0);
  const ledger = new LedgerView();
  for (const [from, until] of [
    [5, 9],
    [1, 4],
    [3, 6],
  ] as const)
    ledger.add(hurt(STARVED, null, from, until));
  expect(ledger.starvedMs).toBe(8);
});

test("a runner that was told that a settled attempt is lost is found", () => {
  const held = { ...PICKED, newLockedBy: "w:nonce" };
  const settled = { ...DONE, oldLockedBy: "w:nonce", newLockedBy: "w:nonce", writer: "1/w:nonce" };
  const began: LedgerLine = { k: "start", id: "1", a: 1, l: "w:nonce", p: "w", t: 1 };
  const told = (t: number): LedgerLine => ({ k: "event", e: "lost", id: "1", a: 1, p: "w", t });
  const lines = [...ENQUEUED, began];
  expect(found([...lines, told(3)], ROW, [held, settled])).toEqual({ falselyLost: 1 });
  // It was told so before: it could not know better.
  expect(found([...lines, told(1)], ROW, [held, settled])).toEqual({});
  expect(found([...lines, told(3), hurt("stopProcess", "w", 2)], ROW, [held, settled])).toEqual({});
});

test("named statements may be refused once for each connection that has forgotten them, and no more", () => {
  const refused = Array.from({ length: 9 }, (): LedgerLine => ({ k: "misnamed", p: "w.1", t: 3 }));
  const forgot = (process: string | null): LedgerLine => ({ k: "forgot", p: process, t: 2 });
  expect(found([...RAN, ...refused, forgot("w")])).toEqual({ misnamed: 1 });
  expect(found([...RAN, ...refused.slice(1), forgot("w")])).toEqual({});
  expect(found([...RAN, ...refused, forgot("w"), forgot(null)])).toEqual({});
  expect(found([...RAN, ...refused, forgot("x")])).toEqual({ misnamed: 1 });
});

test("what was found where it was seen is in the accounts", () => {
  const accounts: readonly Account[] = [
    "altered",
    "standstills",
    "deaf",
    "beyondPool",
    "oddRefusals",
    "hung",
    "untrueReports",
  ];
  for (const account of accounts)
    expect(found([...RAN, { k: "found", account, id: "w", why: "seen" }])).toEqual({ [account]: 1 });
});
