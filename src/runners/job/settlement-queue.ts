import type { Fence } from "../../core/job.ts";
import type { Settlement, SettlementAnswer } from "../../core/turn/settlement.ts";
import type { JobEventName, EmitJobEvent } from "./job-event.ts";
import { jobEvent } from "./job-event.ts";
import type { FinishedRun } from "./finished-run.ts";
import { stepOf } from "../../core/delay-policies.ts";
import { halves } from "../../core/halves.ts";
import { dataErrorState } from "../../core/sql/sql-state.ts";
import { SOON_MS } from "../wait.ts";

/** Most characters of settlements in one statement: results may be a MiB each. */
const MAX_CHARACTERS = 4_194_304;
const MAX_SETTLEMENTS = 2_000;

type Settling = FinishedRun<Settlement>;

/** Ended jobs on their way to the database. What is taken comes back until it is answered. */
export class SettlementQueue {
  readonly #emit: EmitJobEvent;
  /** In the order in which they ended; but what was busy is behind what was not, or has not been tried for longer. */
  #waiting: Settling[] = [];
  /** Those whose rows somebody else had locked. */
  readonly #busy = new Set<Fence>();
  /** How often in a row some of those have been tried. */
  #busyAnswers = 0;
  /** Jobs whose settlements were refused together: halved until the bad one is single. */
  #suspects: readonly (readonly Fence[])[] = [];
  /** Those that were refused single, and go without what they carried. */
  readonly #stripped = new Set<Fence>();
  #leftToExpire = 0;

  constructor(emit: EmitJobEvent) {
    this.#emit = emit;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** How many have not been tried, or may succeed at once. */
  get ready(): number {
    return this.#waiting.length - this.#busy.size;
  }

  /** How long to leave the others, in milliseconds; 0 where there are none. */
  get busyMs(): number {
    return this.#busy.size === 0 ? 0 : stepOf(SOON_MS, this.#busyAnswers);
  }

  /** Whether the next settlements are to go without anything else: the last refusal may be their fault. */
  get suspects(): boolean {
    return this.#suspects.length > 0;
  }

  /** How many will not be settled, their leases left to run out: they ignored a shutdown, or were refused to the last. */
  get leftToExpire(): number {
    return this.#leftToExpire;
  }

  /** Takes over an ended job. */
  add(end: FinishedRun): void {
    if (!isSettling(end)) {
      const { job, reason, error } = end;
      if (reason === "lost" || reason === "cancelled") this.#emit(jobEvent(reason, job, null, error));
      else this.#leaveToExpire(job, error);
      return;
    }
    this.#waiting.push(end);
  }

  /** Changes with each answer to settlements that were busy: from the last of those on {@link busyMs} counts. */
  get busyTries(): number {
    return this.#busyAnswers;
  }

  /**
   * The next settlements to send, in the order in which the jobs ended; but first those that may succeed at once, since
   * what is locked may be large, and stay locked.
   *
   * @param busy whether to try again, too, what was locked
   */
  next(most = MAX_SETTLEMENTS, busy = true): readonly Settlement[] {
    const [group] = this.#suspects;
    if (group !== undefined) {
      const suspects = new Set(group);
      return this.#waiting.filter(({ job }) => suspects.has(job)).map(({ settlement }) => settlement);
    }
    const batch: Settlement[] = [];
    let characters = 0;
    for (const { settlement } of this.#inTurn(busy)) {
      characters += settlement.outcome === "done" ? (settlement.resultText?.length ?? 0) : 0;
      if (
        batch.length > 0 &&
        (batch.length >= Math.min(most, MAX_SETTLEMENTS) || characters > MAX_CHARACTERS)
      )
        break;
      batch.push(settlement);
    }
    return batch;
  }

  /** Ready first. Mostly all are, and none is looked up. */
  #inTurn(busy: boolean): readonly Settling[] {
    if (this.#busy.size === 0) return this.#waiting;
    const ready = this.#waiting.filter(({ job }) => !this.#busy.has(job));
    return busy ? [...ready, ...this.#waiting.filter(({ job }) => this.#busy.has(job))] : ready;
  }

  /** Takes in the database's answers, in the order of the settlements; who was `busy` stays for a later turn. */
  answered(settlements: readonly Settlement[], answers: readonly SettlementAnswer[]): void {
    // A turn that settled nothing says nothing of those that were busy.
    if (settlements.length === 0) return;
    // What was let through is not to blame, busy or not.
    this.#clear(settlements.map(({ job }) => job));
    const answerTo = new Map<Fence, SettlementAnswer | undefined>(
      settlements.map(({ job }, index) => [job, answers[index]]),
    );
    const settled: (readonly [Settling, SettlementAnswer])[] = [];
    const busy: Settling[] = [];
    const waiting: Settling[] = [];
    for (const ended of this.#waiting) {
      const answer = answerTo.get(ended.job);
      if (answer === undefined) waiting.push(ended);
      else if (answer.verdict === "busy") busy.push(ended);
      else settled.push([ended, answer]);
    }
    // Those that are busy may be more than fit in a statement: then others of them go with the next.
    this.#waiting = busy.length === 0 ? waiting : [...waiting, ...busy];
    this.#learnBusy(
      settlements.map(({ job }) => job),
      busy,
    );
    // Last, since a listener may stop the worker, which adds what it gives back.
    for (const [ended, answer] of settled) {
      this.#stripped.delete(ended.job);
      const { job, settlement, error } = ended;
      const lastError = "error" in settlement ? settlement.error : undefined;
      this.#emit(jobEvent(happened(answer, ended), job, settlement.durationMs, error, lastError));
    }
  }

  /** What becomes busy while others wait to be tried again joins them, and makes them wait no longer. */
  #learnBusy(tried: readonly Fence[], busy: readonly Settling[]): void {
    if (this.#busy.size === 0 && busy.length === 0) return;
    const again = this.#busy.size === 0 || tried.some((job) => this.#busy.has(job));
    for (const job of tried) this.#busy.delete(job);
    for (const { job } of busy) this.#busy.add(job);
    if (this.#busy.size === 0) this.#busyAnswers = 0;
    else if (again) this.#busyAnswers += 1;
  }

  /**
   * Takes in a refusal of the whole statement. Where a value may be to blame
   * the settlements go without anything else next, and halved where they did so
   * already; a single one that is refused goes without what it carried, and is
   * left to its lease if it is refused even so. So one bad row among n costs
   * about 2 log2 n statements, which a drain with few of them can afford.
   *
   * @param settleOnly whether the statement did nothing but settle
   * @returns whether another try may do better
   */
  refused(settlements: readonly Settlement[], error: unknown, settleOnly: boolean): boolean {
    const state = dataErrorState(error);
    const [first] = settlements;
    if (first === undefined || state === undefined) return false;
    const jobs = settlements.map(({ job }) => job);
    this.#clear(jobs);
    const groups = settleOnly ? halves(jobs) : [jobs];
    this.#suspects = [...groups, ...this.#suspects];
    if (settleOnly && jobs.length === 1) this.#strip(first.job, state);
    return true;
  }

  /** Suspects these no longer. */
  #clear(jobs: readonly Fence[]): void {
    if (this.#suspects.length === 0) return;
    const cleared = new Set(jobs);
    this.#suspects = this.#suspects
      .map((group) => group.filter((job) => !cleared.has(job)))
      .filter((group) => group.length > 0);
  }

  #leaveToExpire(job: FinishedRun["job"], error: unknown, lastError?: string): void {
    this.#leftToExpire += 1;
    this.#emit(jobEvent("unsettled", job, null, error, lastError));
  }

  #strip(job: Fence, state: string): void {
    const index = this.#waiting.findIndex((ended) => ended.job === job);
    const ended = this.#waiting[index];
    if (ended === undefined) return;
    if (this.#stripped.has(job)) {
      this.#leaveToExpire(ended.job, ended.error, `the database refused the settlement twice (${state})`);
      this.#waiting.splice(index, 1);
      this.#busy.delete(job);
      this.#stripped.delete(job);
      this.#clear([job]);
      return;
    }
    this.#stripped.add(job);
    const note = `the database refused what the attempt would have written (${state})`;
    const { settlement } = ended;
    if (settlement.outcome === "done")
      this.#waiting[index] = ended.withSettlement({ ...settlement, resultText: null, note, remove: false });
    else if ("error" in settlement)
      this.#waiting[index] = ended.withSettlement({ ...settlement, error: note });
  }
}

function isSettling(end: FinishedRun): end is Settling {
  return end.settlement !== null;
}

const READY_AFTER = { snooze: "snoozed", release: "released", retry: "retried" } as const;

/**
 * What became of a job, from what was asked and what was answered. The state counts, not what was asked for: a handler
 * that settles itself may be done whatever it says, and one whose transaction came to nothing is not.
 */
function happened({ verdict, status }: SettlementAnswer, { settlement }: Settling): JobEventName {
  const { outcome } = settlement;
  if (verdict === "lost" || verdict === "cancelled") return verdict;
  if (status === "DONE") return "done";
  if (status === "FAILED") return "failed";
  if (outcome === "snooze" && settlement.continues === true) return "continued";
  // Who made it READY, where the attempt did not, has taken it away.
  return outcome === "done" || outcome === "fail" ? "lost" : READY_AFTER[outcome];
}
