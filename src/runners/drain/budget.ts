import { UnknownOutcomeError } from "../../core/errors.ts";
import type { CheckedDrain } from "./drain-options.ts";
import { momentOf, mostMsSince } from "../moment.ts";
import type { Clocks, Moment } from "../moment.ts";
import { TOO_LATE, within } from "../wait.ts";
import type { Timers } from "../wait.ts";

/** What {@link Budget} has to know. */
type BudgetOptions = Pick<
  CheckedDrain,
  "budgetMs" | "remaining" | "reserveMs" | "maxStatements" | "clock" | "calendar"
>;

/**
 * What a drain may still spend: time and statements. The clock is read after
 * awaited statements only, since it may stand still between them.
 */
export class Budget {
  readonly #options: BudgetOptions;
  readonly #clocks: Clocks;
  readonly #startedAt: Moment;
  #statements = 0;
  #slowestMs = 0;
  /** How much time has passed by the timers, which go on where the clock stands still. */
  #passedMs = 0;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#clocks = { now: options.clock, calendar: options.calendar };
    this.#startedAt = this.moment();
  }

  get statements(): number {
    return this.#statements;
  }

  get elapsedMs(): number {
    return Math.max(this.#options.clock() - this.#startedAt.at, this.#passedMs);
  }

  /** This moment, for {@link Budget.mostMsSince}. */
  moment(): Moment {
    return momentOf(this.#clocks);
  }

  /** How long ago that was, by the clock that says more: a machine may have slept. */
  mostMsSince(moment: Moment): number {
    return mostMsSince(moment, this.#clocks);
  }

  /** What is left in all. */
  get remainingMs(): number {
    return Math.min(this.#options.remaining(), this.#options.budgetMs - this.#passedMs);
  }

  /** What is kept back for the end: more where statements turn out slow, at most half of the budget. */
  get reserveMs(): number {
    return Math.min(Math.max(this.#options.reserveMs, 2 * this.#slowestMs), this.#options.budgetMs / 2);
  }

  /** What is left for handlers. */
  get handlersMs(): number {
    return this.remainingMs - this.reserveMs;
  }

  /**
   * What is left for what has not started. After a sleep of the machine its leases are over: by the calendar, which may
   * have been set forward, though, so that handlers at work keep {@link Budget.handlersMs}.
   */
  get unstartedMs(): number {
    const { budgetMs } = this.#options;
    return Math.min(this.handlersMs, budgetMs - this.mostMsSince(this.#startedAt) - this.reserveMs);
  }

  /** What is left before the last settlement should leave: half of the reserve is its own. */
  get untilLastSettlementMs(): number {
    return this.remainingMs - this.reserveMs / 2;
  }

  /** Whether `count` more statements may be sent. */
  affords(count: number): boolean {
    return this.#statements + count <= this.#options.maxStatements;
  }

  /** One more statement goes along with one that was sent, if it may. */
  spendOne(): boolean {
    if (!this.affords(1)) return false;
    this.#statements += 1;
    return true;
  }

  /** Calls `act` after `ms`; then at least so much has passed, whatever the clock says. */
  after(timers: Timers, ms: number, act: () => void): void {
    const thenMs = this.elapsedMs + ms;
    timers.after(ms, () => {
      this.#passedMs = Math.max(this.#passedMs, thenMs);
      act();
    });
  }

  /**
   * Sends one statement and waits for it at most `ms`, and no longer than until `cut` is aborted.
   *
   * @throws UnknownOutcomeError where no answer came in time.
   */
  async spend<T>(
    operation: string,
    ms: number,
    work: (signal: AbortSignal) => Promise<T>,
    cut?: AbortSignal,
  ): Promise<T> {
    const sentMs = this.elapsedMs;
    this.#statements += 1;
    const answer = await within(ms, work, cut);
    if (answer === TOO_LATE && cut?.aborted !== true) this.#passedMs = Math.max(this.#passedMs, sentMs + ms);
    this.#slowestMs = Math.max(this.#slowestMs, this.elapsedMs - sentMs);
    if (answer === TOO_LATE)
      throw new UnknownOutcomeError(operation, new Error("no answer came within the budget"));
    return answer;
  }
}
