/** The accounts: the ledger against the table and the audit of its transitions. */
import { AttemptAccount } from "./attempt-account.ts";
import type { LedgerView } from "./ledger-view.ts";

/** What must be zero at the end. */
export const ACCOUNTS = [
  "lost",
  "unexpected",
  /** An id that an enqueue answered, and that is another job's. */
  "wrongIds",
  /** A value that is stored, or was handed out, other than it was sent. */
  "altered",
  "staleWrites",
  /** Two outcomes, or one that was told and is not what is recorded. */
  "doubleOutcomes",
  /** A runner was told that a lease is lost whose attempt had settled its job. */
  "falselyLost",
  "aboveMaxAttempts",
  "unexplainedStarts",
  /** Attempts that were counted, and neither started nor given back. */
  "wastedAttempts",
  "failedUnrun",
  "stuck",
  "poisonNotFailed",
  "effectsNotOnce",
  /** Jobs were due, and nothing started. */
  "standstills",
  /** Runners that at the end do not run a job that only they handle, or hear of no insert. */
  "deaf",
  /** Processes with more backends than their pool has connections. */
  "beyondPool",
  /** Enqueues that PostgreSQL refused for a reason that nothing here gives. */
  "oddRefusals",
  /** Enqueues of which nothing was heard any more. */
  "hung",
  /** Drains that said that nothing is due, beside a job that was due all the time and that nobody had. */
  "untrueReports",
  /** Ticks of a schedule that have made more than one job. */
  "tickedTwice",
  /** Ticks of a schedule that was to make up for each, and has no job for this one; and schedules that were stopped. */
  "ticksLeftOut",
  /** Named statements that were refused more often than a session can have forgotten them. */
  "misnamed",
] as const;

/** One of {@link ACCOUNTS}. */
export type Account = (typeof ACCOUNTS)[number];

/** A row of the table at the end. */
export interface FinalRow {
  readonly id: string;
  readonly marker: string | null;
  /** Its type; of a row that a trigger refuses, what for. */
  readonly kind: string;
  readonly status: string;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly dedupeKey: string | null;
  /** The one that made it, whose ticks have an account of their own. */
  readonly schedule: string | null;
  /** Rows that transactional handlers wrote for it. */
  readonly effects: number;
}

/** One change of a row, as a trigger saw it. */
export interface Transition {
  /** By the wall clock of the server, in epoch milliseconds. */
  readonly at: number;
  readonly oldStatus: string;
  readonly newStatus: string;
  readonly oldAttempts: number;
  readonly newAttempts: number;
  readonly oldLockedBy: string | null;
  readonly newLockedBy: string | null;
  /** `attempts/locked_by` of the attempt whose result or error was written; null where it bears none. */
  readonly writer: string | null;
}

/** A finding: which account, which job or process, and why. */
export interface Finding {
  readonly account: Account;
  readonly id: string;
  readonly why: string;
}

const TERMINAL: ReadonlySet<string> = new Set(["DONE", "FAILED", "CANCELLED"]);
const RECORDED: Readonly<Record<string, string>> = { done: "DONE", failed: "FAILED" };
/** Kinds whose effect and settlement are one transaction. */
const ONCE: ReadonlySet<string> = new Set(["settle", "referSettle"]);
/** Above all connections of one process, the one that LISTENs included. */
const CONNECTIONS = 8;

/** Takes row after row, and tells at the end what did not add up. */
export class Accountant {
  readonly findings: Finding[] = [];
  /** How many rows there are of each kind. */
  readonly kinds: Record<string, number> = {};
  readonly #ledger: LedgerView;
  readonly #attempts: AttemptAccount;
  readonly #rows = new Set<string>();
  readonly #markers = new Set<string>();

  constructor(ledger: LedgerView) {
    this.#ledger = ledger;
    for (const starts of ledger.starts.values()) starts.sort((one, other) => one.at - other.at);
    this.#attempts = new AttemptAccount(ledger, (...finding) => {
      this.#find(...finding);
    });
  }

  /** One job: its row, and its transitions in order. */
  row(row: FinalRow, transitions: readonly Transition[]): void {
    this.#rows.add(row.id);
    this.kinds[row.kind] = (this.kinds[row.kind] ?? 0) + 1;
    this.#enqueued(row);
    this.#acknowledged(row);
    if (!TERMINAL.has(row.status)) this.#find("stuck", row.id, row.status);
    this.#writes(row, transitions);
    this.#attempts.row(row, transitions);
    const { kind, status, attempts, maxAttempts, effects } = row;
    if (status === "CANCELLED") return;
    if (kind === "crash" && (status !== "FAILED" || attempts !== maxAttempts))
      this.#find("poisonNotFailed", row.id, `${status} after ${attempts} of ${maxAttempts}`);
    if (ONCE.has(kind) && effects !== (status === "DONE" ? 1 : 0))
      this.#find("effectsNotOnce", row.id, `${status} with ${effects} effects`);
  }

  /** After the last row. */
  finish(): Readonly<Record<Account, number>> {
    for (const id of this.#ledger.acknowledged.keys())
      if (!this.#rows.has(id)) this.#find("lost", id, "acknowledged, and no row");
    for (const [process, refused] of this.#ledger.misnamed) {
      const most = CONNECTIONS * this.#ledger.forgettings(process);
      if (refused > most) this.#find("misnamed", process, `${refused} refused, and ${most} can have been`);
    }
    this.findings.push(...this.#ledger.found);
    const count = (account: Account): number =>
      this.findings.filter((finding) => finding.account === account).length;
    return Object.fromEntries(ACCOUNTS.map((account) => [account, count(account)])) as Record<
      Account,
      number
    >;
  }

  #enqueued({ id, marker, schedule }: FinalRow): void {
    if (schedule !== null) return;
    const { intents, refused } = this.#ledger;
    if (marker === null || !intents.has(marker)) this.#find("unexpected", id, "nobody enqueued it");
    else if (refused.has(marker))
      this.#find("unexpected", id, "its enqueue was said to have written nothing");
    else if (this.#markers.has(marker)) this.#find("unexpected", id, `a second row of ${marker}`);
    if (marker !== null) this.#markers.add(marker);
  }

  /** Who was given this id has this row; or one with the key that was asked for. */
  #acknowledged({ id, marker, dedupeKey }: FinalRow): void {
    for (const answer of this.#ledger.acknowledged.get(id) ?? []) {
      const key = this.#ledger.intents.get(answer.marker) ?? null;
      const right = answer.created ? answer.marker === marker : key !== null && key === dedupeKey;
      if (!right) this.#find("wrongIds", id, `answered to ${answer.marker}, and is ${marker ?? "nobody's"}`);
    }
  }

  #writes({ id, status }: FinalRow, transitions: readonly Transition[]): void {
    for (const change of transitions) {
      const holder = `${change.oldAttempts}/${change.oldLockedBy ?? ""}`;
      if (TERMINAL.has(change.oldStatus)) this.#find("staleWrites", id, `${change.oldStatus} was changed`);
      else if (change.writer !== null && (change.oldStatus !== "RUNNING" || change.writer !== holder))
        this.#find("staleWrites", id, `${change.writer} wrote, ${change.oldStatus} ${holder} held`);
    }
    const endings = transitions.filter(({ newStatus }) => TERMINAL.has(newStatus)).length;
    const told = this.#ledger.outcomes.get(id) ?? [];
    const untrue = told.find((outcome) => RECORDED[outcome] !== status);
    if (endings > 1 || told.length > 1)
      this.#find("doubleOutcomes", id, `${endings} recorded, ${told.length} told`);
    else if (untrue !== undefined)
      this.#find("doubleOutcomes", id, `${untrue} was told, and ${status} is recorded`);
  }

  #find(account: Account, id: string, why: string): void {
    this.findings.push({ account, id, why });
  }
}
