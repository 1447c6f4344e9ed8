/** What the accounts say of a job's attempts: how many there were, and why there was another. */
import type { Account, FinalRow, Transition } from "./account.ts";
import type { LedgerView, Start } from "./ledger-view.ts";

/** Kinds whose handler itself may end an attempt that then runs again. */
const RERUNS: ReadonlySet<string> = new Set([
  ...["fail", "hang", "snooze", "block", "settle", "slow"],
  // A drain's deadline cuts these short, and settles the attempt. A lease that is lost explains nothing.
  ...["refer", "referSettle"],
]);
/** The kind whose first attempt may not settle: its lease runs out, as is promised. */
const UNSETTLED = "denySettle";
/** What the table's being locked is called: it keeps an attempt from going on, but none that begins after it. */
const LOCK = "lockTable";

type Find = (account: Account, id: string, why: string) => void;

/** Judges the attempts of one row after the other. */
export class AttemptAccount {
  readonly #ledger: LedgerView;
  readonly #find: Find;

  constructor(ledger: LedgerView, find: Find) {
    this.#ledger = ledger;
    this.#find = find;
  }

  row(row: FinalRow, transitions: readonly Transition[]): void {
    const starts = this.#ledger.starts.get(row.id) ?? [];
    const givenBack = transitions.filter(isGivenBack).length;
    if (row.attempts > row.maxAttempts || starts.length > row.maxAttempts + givenBack)
      this.#find("aboveMaxAttempts", row.id, `${starts.length} starts, ${givenBack} given back`);
    for (const [index, start] of starts.entries()) {
      const next = starts[index + 1];
      if (next === undefined || this.#explained(row, start, next, transitions)) continue;
      const end = transitions.find((change) => holderBefore(change) === fence(start));
      const how = end === undefined ? "never ended" : `${end.newStatus} after ${end.at - start.at} ms`;
      this.#find(
        "unexplainedStarts",
        row.id,
        `${row.kind} ${fence(start)}, ${how}, then ${fence(next)} at ${next.at}: ${this.#ledger.seenOf(start.process, start.at, next.at)}`,
      );
    }
    const wasted = this.#wasted(starts, transitions);
    for (const why of wasted) this.#find("wastedAttempts", row.id, why);
    if (row.status === "FAILED" && starts.length === 0 && wasted.length > 0)
      this.#find("failedUnrun", row.id, `no start in ${row.attempts} attempts`);
    this.#losses(row.id, transitions);
  }

  #explained(row: FinalRow, start: Start, next: Start, transitions: readonly Transition[]): boolean {
    if (fence(start) === fence(next)) return false;
    // Its lease had ended before the other's began: a process that was stopped between its check and the start.
    if (next.attempts < start.attempts) return this.#ledger.explains(next.process, start.at, next.at);
    const end = transitions.find((change) => holderBefore(change) === fence(start));
    if (end === undefined) return false;
    const settled = end.newLockedBy !== null;
    if (settled && RERUNS.has(row.kind)) return true;
    if (!settled && row.kind === UNSETTLED) return true;
    return this.#ledger.explains(start.process, start.at, next.at);
  }

  /** Each attempt that was counted, did not start, and was not given back, without a fault that explains it. */
  #wasted(starts: readonly Start[], transitions: readonly Transition[]): readonly string[] {
    const started = new Set(starts.map(fence));
    return transitions.flatMap((pickUp) => {
      const holder = `${pickUp.newAttempts}/${pickUp.newLockedBy ?? ""}`;
      if (pickUp.newStatus !== "RUNNING" || pickUp.newLockedBy === null || started.has(holder)) return [];
      const end = transitions.find((change) => holderBefore(change) === holder);
      // What has not ended is stuck, and what somebody cancelled did not have to start.
      if (end === undefined || isGivenBack(end) || end.newStatus === "CANCELLED") return [];
      const process = pickUp.newLockedBy.slice(0, pickUp.newLockedBy.lastIndexOf(":"));
      const explained = this.#ledger.explains(
        process,
        pickUp.at,
        end.at,
        ({ why, until }) => why !== LOCK || until > pickUp.at,
      );
      return explained
        ? []
        : [
            `${holder} was counted at ${pickUp.at}, did not start, and was ${end.newStatus} ${end.at - pickUp.at} ms later: ${this.#ledger.seenOf(process, pickUp.at, end.at)}`,
          ];
    });
  }

  #losses(id: string, transitions: readonly Transition[]): void {
    for (const { attempts, process, at } of this.#ledger.losses.get(id) ?? []) {
      const settled = transitions.find(
        ({ oldStatus, newStatus, oldAttempts, oldLockedBy }) =>
          oldStatus === "RUNNING" &&
          newStatus === "DONE" &&
          oldAttempts === attempts &&
          oldLockedBy?.startsWith(`${process}:`) === true,
      );
      if (settled !== undefined && settled.at < at && !this.#ledger.explains(process, settled.at, at))
        this.#find("falselyLost", id, `${process} was told so of attempt ${attempts}, which is DONE`);
    }
  }
}

function isGivenBack({ oldAttempts, newAttempts }: Transition): boolean {
  return newAttempts < oldAttempts;
}

/** The attempt that held the job until this change; none where it was not RUNNING. */
function holderBefore({ oldStatus, oldAttempts, oldLockedBy }: Transition): string | undefined {
  return oldStatus === "RUNNING" ? `${oldAttempts}/${oldLockedBy ?? ""}` : undefined;
}

function fence({ attempts, lockedBy }: Start): string {
  return `${attempts}/${lockedBy}`;
}
