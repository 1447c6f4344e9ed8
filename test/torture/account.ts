/** The accounts: the ledger against the table and the audit of its transitions. */
import type { LedgerView, Start } from "./ledger-view.ts";

/** What must be zero at the end. */
export const ACCOUNTS = [
  "lost",
  "unexpected",
  "staleWrites",
  "doubleOutcomes",
  "aboveMaxAttempts",
  "unexplainedStarts",
  "stuck",
  "poisonNotFailed",
  "effectsNotOnce",
] as const;

/** One of {@link ACCOUNTS}. */
export type Account = (typeof ACCOUNTS)[number];

/** A row of the table at the end. */
export interface FinalRow {
  readonly id: string;
  readonly marker: string | null;
  readonly kind: string;
  readonly status: string;
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Rows that transactional handlers wrote for it. */
  readonly effects: number;
}

/** One change of a row, as a trigger saw it. */
export interface Transition {
  readonly oldStatus: string;
  readonly newStatus: string;
  readonly oldAttempts: number;
  readonly newAttempts: number;
  readonly oldLockedBy: string | null;
  readonly newLockedBy: string | null;
  /** `attempts/locked_by` of the attempt whose result or error was written; null where it bears none. */
  readonly writer: string | null;
}

/** A finding: which account, which job, and why. */
export interface Finding {
  readonly account: Account;
  readonly id: string;
  readonly why: string;
}

const TERMINAL: ReadonlySet<string> = new Set(["DONE", "FAILED", "CANCELLED"]);
/** Kinds whose handler itself may end an attempt that then runs again. */
const RERUNS: ReadonlySet<string> = new Set(["fail", "hang", "snooze", "block", "settle", "slow"]);

/** Takes row after row, and tells at the end what did not add up. */
export class Accountant {
  readonly findings: Finding[] = [];
  readonly #ledger: LedgerView;
  readonly #rows = new Set<string>();
  readonly #markers = new Set<string>();

  constructor(ledger: LedgerView) {
    this.#ledger = ledger;
    for (const starts of ledger.starts.values()) starts.sort((one, other) => one.at - other.at);
  }

  /** One job: its row, and its transitions in order. */
  row(row: FinalRow, transitions: readonly Transition[]): void {
    this.#rows.add(row.id);
    this.#enqueued(row);
    if (!TERMINAL.has(row.status)) this.#find("stuck", row.id, row.status);
    this.#writes(row.id, transitions);
    this.#starts(row, transitions);
    if (row.kind === "crash" && (row.status !== "FAILED" || row.attempts !== row.maxAttempts))
      this.#find("poisonNotFailed", row.id, `${row.status} after ${row.attempts} of ${row.maxAttempts}`);
    if (row.kind === "settle" && row.effects !== (row.status === "DONE" ? 1 : 0))
      this.#find("effectsNotOnce", row.id, `${row.status} with ${row.effects} effects`);
  }

  /** After the last row. */
  finish(): Readonly<Record<Account, number>> {
    for (const id of this.#ledger.acknowledged)
      if (!this.#rows.has(id)) this.#find("lost", id, "acknowledged, and no row");
    const count = (account: Account): number =>
      this.findings.filter((finding) => finding.account === account).length;
    return Object.fromEntries(ACCOUNTS.map((account) => [account, count(account)])) as Record<
      Account,
      number
    >;
  }

  #enqueued({ id, marker }: FinalRow): void {
    const { intents, refused } = this.#ledger;
    if (marker === null || !intents.has(marker)) this.#find("unexpected", id, "nobody enqueued it");
    else if (refused.has(marker))
      this.#find("unexpected", id, "its enqueue was said to have written nothing");
    else if (this.#markers.has(marker)) this.#find("unexpected", id, `a second row of ${marker}`);
    if (marker !== null) this.#markers.add(marker);
  }

  #writes(id: string, transitions: readonly Transition[]): void {
    for (const change of transitions) {
      const holder = `${change.oldAttempts}/${change.oldLockedBy ?? ""}`;
      if (TERMINAL.has(change.oldStatus)) this.#find("staleWrites", id, `${change.oldStatus} was changed`);
      else if (change.writer !== null && (change.oldStatus !== "RUNNING" || change.writer !== holder))
        this.#find("staleWrites", id, `${change.writer} wrote, ${change.oldStatus} ${holder} held`);
    }
    const endings = transitions.filter(({ newStatus }) => TERMINAL.has(newStatus)).length;
    const told = this.#ledger.outcomes.get(id) ?? 0;
    if (endings > 1 || told > 1) this.#find("doubleOutcomes", id, `${endings} recorded, ${told} told`);
  }

  #starts(row: FinalRow, transitions: readonly Transition[]): void {
    const starts = this.#ledger.starts.get(row.id) ?? [];
    const givenBack = transitions.filter(({ oldAttempts, newAttempts }) => newAttempts < oldAttempts).length;
    if (row.attempts > row.maxAttempts || starts.length > row.maxAttempts + givenBack)
      this.#find("aboveMaxAttempts", row.id, `${starts.length} starts, ${givenBack} given back`);
    for (const [index, start] of starts.entries()) {
      const next = starts[index + 1];
      if (next !== undefined && !this.#explained(row, start, next, transitions))
        this.#find("unexplainedStarts", row.id, `${fence(start)} in ${start.process}, then ${fence(next)}`);
    }
  }

  #explained(row: FinalRow, start: Start, next: Start, transitions: readonly Transition[]): boolean {
    if (fence(start) === fence(next)) return false;
    // Its lease had ended before the other's began: a process that was stopped between its check and the start.
    if (next.attempts < start.attempts) return this.#ledger.explains(next.process, start.at, next.at);
    const end = transitions.find(
      ({ oldStatus, oldAttempts, oldLockedBy }) =>
        oldStatus === "RUNNING" && `${oldAttempts}/${oldLockedBy ?? ""}` === fence(start),
    );
    if (end === undefined) return false;
    const settled = end.newLockedBy !== null;
    if (settled && RERUNS.has(row.kind)) return true;
    return this.#ledger.explains(start.process, start.at, next.at);
  }

  #find(account: Account, id: string, why: string): void {
    this.findings.push({ account, id, why });
  }
}

function fence({ attempts, lockedBy }: Start): string {
  return `${attempts}/${lockedBy}`;
}
