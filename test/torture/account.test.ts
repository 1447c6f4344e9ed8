import { expect, test } from "vitest";

import { Accountant, type Account, type FinalRow, type Transition } from "./account.ts";
import { LedgerView } from "./ledger-view.ts";
import type { LedgerLine } from "./ledger.ts";

const ROW: FinalRow = {
  ...{ id: "1", marker: "m1", kind: "quick", status: "DONE", attempts: 1, maxAttempts: 5, effects: 0 },
};
const ENQUEUED: readonly LedgerLine[] = [
  { k: "intent", m: ["m1"] },
  { k: "ack", m: ["m1"], ids: ["1"] },
];
const DONE_EVENT: LedgerLine = { k: "event", e: "done", id: "1", a: 1, p: "w", t: 2 };

const start = (attempts: number, process: string, t: number): LedgerLine => ({
  ...{ k: "start", id: "1", a: attempts, l: process, p: process, t },
});
const PICKED: Transition = {
  ...{ oldStatus: "READY", newStatus: "RUNNING", oldAttempts: 0, newAttempts: 1 },
  ...{ oldLockedBy: null, newLockedBy: "w", writer: null },
};
const DONE: Transition = {
  ...{ oldStatus: "RUNNING", newStatus: "DONE", oldAttempts: 1, newAttempts: 1 },
  ...{ oldLockedBy: "w", newLockedBy: "w", writer: "1/w" },
};
const REAPED: Transition = { ...DONE, newStatus: "READY", newLockedBy: null, writer: null };
const TAKEN_OVER: readonly Transition[] = [
  ...[PICKED, REAPED, { ...PICKED, oldAttempts: 1, newAttempts: 2, newLockedBy: "x" }],
  { ...DONE, oldAttempts: 2, newAttempts: 2, oldLockedBy: "x", newLockedBy: "x", writer: "2/x" },
];
const TWICE = [...ENQUEUED, start(1, "w", 1), start(2, "x", 5)];

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

test("a job that was enqueued, run once and recorded once is no finding", () => {
  expect(found([...ENQUEUED, start(1, "w", 1), DONE_EVENT])).toEqual({});
});

test("an acknowledged job without a row is lost", () => {
  expect(found(ENQUEUED, null)).toEqual({ lost: 1 });
});

test("a row that nobody enqueued is unexpected", () => {
  expect(found([])).toEqual({ unexpected: 1 });
});

test("a row whose enqueue was said to have written nothing is unexpected", () => {
  expect(found([...ENQUEUED, { k: "refused", m: ["m1"] }])).toEqual({ unexpected: 1 });
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
  expect(found(ENQUEUED, { ...ROW, status: "RUNNING" }, [PICKED])).toEqual({ stuck: 1 });
});

test("a settlement of an attempt that no longer holds the job is a stale write", () => {
  expect(found(ENQUEUED, ROW, [PICKED, { ...DONE, writer: "1/zombie" }])).toEqual({ staleWrites: 1 });
});

test("any change of a terminal row is a stale write", () => {
  expect(found(ENQUEUED, ROW, [PICKED, DONE, { ...REAPED, oldStatus: "DONE" }])).toEqual({ staleWrites: 1 });
});

test("two recorded outcomes are found", () => {
  expect(found(ENQUEUED, ROW, [PICKED, DONE, DONE])).toEqual({ doubleOutcomes: 1 });
});

test("two outcomes told to runners are found", () => {
  expect(found([...ENQUEUED, DONE_EVENT, DONE_EVENT])).toEqual({ doubleOutcomes: 1 });
});

test("a run above max_attempts is found", () => {
  const lines = [...TWICE, { k: "hurt", why: "killProcess", p: "w", t: 2, until: 2 } as const];
  expect(found(lines, { ...ROW, maxAttempts: 1 }, TAKEN_OVER)).toEqual({ aboveMaxAttempts: 1 });
});

test("an attempt given back leaves room for one more start", () => {
  const snoozed = { ...DONE, newStatus: "READY", newAttempts: 0, writer: null };
  const lines = [...ENQUEUED, start(1, "w", 1), start(1, "x", 5)];
  const again = [
    { ...PICKED, newLockedBy: "x" },
    { ...DONE, oldLockedBy: "x", newLockedBy: "x", writer: "1/x" },
  ];
  const row = { ...ROW, kind: "snooze", maxAttempts: 1 };
  expect(found(lines, row, [PICKED, snoozed, ...again])).toEqual({});
});

test("a second start is explained by a fault of the first attempt's process, and by nobody else's", () => {
  const hurt = (p: string | null): LedgerLine => ({ k: "hurt", why: "stopProcess", p, t: 2, until: 3 });
  expect(found(TWICE, { ...ROW, attempts: 2 }, TAKEN_OVER)).toEqual({ unexplainedStarts: 1 });
  expect(found([...TWICE, hurt("x")], { ...ROW, attempts: 2 }, TAKEN_OVER)).toEqual({ unexplainedStarts: 1 });
  expect(found([...TWICE, hurt("w")], { ...ROW, attempts: 2 }, TAKEN_OVER)).toEqual({});
  expect(found([...TWICE, hurt(null)], { ...ROW, attempts: 2 }, TAKEN_OVER)).toEqual({});
});

test("one attempt that starts twice is never explained", () => {
  const lines = [...ENQUEUED, start(1, "w", 1), start(1, "w", 2)];
  const hurt: LedgerLine = { k: "hurt", why: "killProcess", p: "w", t: 1, until: 2 };
  expect(found([...lines, hurt])).toEqual({ unexplainedStarts: 1 });
});

test("a poison job that ends DONE, and an effect that did not happen once, are found", () => {
  expect(found(ENQUEUED, { ...ROW, kind: "crash" })).toEqual({ poisonNotFailed: 1 });
  expect(found(ENQUEUED, { ...ROW, kind: "settle", effects: 2 })).toEqual({ effectsNotOnce: 1 });
});
