import type { JobContracts, JobName, UntypedJobs } from "../../core/contract.ts";
import { stepOf } from "../../core/delay-policies.ts";
import type { PickUp, TurnRequest } from "../../core/turn/turn-request.ts";
import { Budget } from "./budget.ts";
import { checkDrain } from "./drain-options.ts";
import type { CheckedDrain, DrainEnd, DrainOptions, DrainReport } from "./drain-options.ts";
import { drainPickUp } from "./drain-pick-up.ts";
import { DrainStatements } from "./drain-statements.ts";
import type { DrainTurn } from "./drain-statements.ts";
import { EventCounts, eventEmitter } from "../job/job-event.ts";
import { JobSlots } from "../job/job-slots.ts";
import type { GatherRoom } from "../job/gathering.ts";
import type { StepRoom } from "../job/step-room.ts";
import { RuntimeEstimates } from "./runtime-estimates.ts";
import { TypeShares } from "../type-shares.ts";
import { SOON_MS, Timers, Waiter, nextTick } from "../wait.ts";

/** How long an ended job waits for others to share its statement, in milliseconds. */
const SETTLE_WITHIN_MS = 100;
/** How often in a row to poll again at what somebody else had locked, until a poll finds something. */
const MAX_CONTENDED_POLLS = 4;
/** A step that takes this share of the time for handlers, or more, is not left to a later drain: that would have little more. */
const FRESH = 0.8;

/**
 * Runs what is due until nothing is, or until the budget is spent; the whole
 * system in one call, for a cron trigger. It returns in time even where a
 * handler ignores its signal (not where one blocks the event loop), spends no
 * attempt on a job that did not start, and needs no heartbeat. Two at once are
 * harmless. On an empty table it is one statement.
 *
 * ```ts
 * const report = await drainOnce({ store, handlers, budgetMs: 25_000 });
 * ```
 *
 * @throws InvalidInputError for a wrong option, and whatever the first statement throws. What fails later is in the report.
 */
export async function drainOnce<
  J extends JobContracts = UntypedJobs,
  Tx = never,
  N extends JobName<J> = JobName<J>,
>(options: DrainOptions<J, Tx, N>): Promise<DrainReport> {
  return await new Drain(checkDrain(options)).run();
}

class Drain {
  readonly #options: CheckedDrain;
  readonly #budget: Budget;
  readonly #events: EventCounts;
  readonly #slots: JobSlots;
  readonly #statements: DrainStatements;
  readonly #waiter = new Waiter();
  readonly #estimates = new RuntimeEstimates();
  readonly #timers = new Timers();
  readonly #shares = new TypeShares();
  #stoppedBy: DrainEnd | undefined;
  /** Whether a turn may find something: more was due or lost, or a job has ended since. */
  #poll = true;
  /** Whether an ended job has waited long enough to be settled. */
  #flush = false;
  /** How many statements had been sent when the last such wait began. */
  #flushAfter = 0;
  #timeUp = false;
  /** How many polls in a row have found nothing but what somebody else had locked. */
  #contendedPolls = 0;
  /** Batches that wait in their slots for more jobs. */
  readonly #fills: Parameters<GatherRoom["fill"]>[] = [];
  /** Whether it will poll again at that. */
  #pollsSoon = false;

  constructor(options: CheckedDrain) {
    this.#options = options;
    this.#budget = new Budget(options);
    this.#events = new EventCounts(eventEmitter(options.onEvent, options.logger));
    this.#slots = new JobSlots({
      slots: options.concurrency,
      runJob: options.runJob,
      stepRoom: this.#stepRoom(),
      emit: this.#events.emit,
      mayStart: ({ type }) => this.#fits(type),
      fill: (...asked) => {
        this.#fills.push(asked);
      },
      onEnd: ({ type }, ranMs) => {
        this.#ended(type, ranMs);
      },
    });
    this.#statements = new DrainStatements(options, this.#budget, this.#events, this.#slots, this.#timers);
  }

  /** A drain's leases outlive it: a step need not extend one. */
  #stepRoom(): StepRoom {
    return {
      leaseMs: 0,
      wholeMs: FRESH * this.#budget.handlersMs,
      longestMs: new Map(),
      stopping: () => this.#options.signal?.aborted === true,
      leftMs: () => this.#budget.handlersMs,
      // One is kept back for the last settlement.
      take: () => this.#budget.affords(2) && this.#budget.spendOne(),
      left: (type) => {
        this.#estimates.observe(type, Infinity);
      },
    };
  }

  async run(): Promise<DrainReport> {
    const { signal } = this.#options;
    this.#slots.open();
    const onAbort = (): void => {
      this.#waiter.wake();
    };
    signal?.addEventListener("abort", onAbort);
    this.#after(this.#budget.handlersMs, () => {
      this.#timeUp = true;
    });
    try {
      await this.#statements.declare();
      await this.#work();
      await this.#windDown();
      this.#stoppedBy ??= await this.#statements.prune();
    } finally {
      this.#timers.clear();
      signal?.removeEventListener("abort", onAbort);
    }
    return this.#statements.report(this.#stoppedBy);
  }

  async #work(): Promise<void> {
    for (;;) {
      this.#stopIfOver();
      this.#start();
      // Without an await where there is none: what has just started would end before the turn that leaves now.
      const fill = this.#fills.shift();
      if (fill !== undefined) {
        await this.#fill(fill);
        continue;
      }
      const request = this.#request();
      if (request !== undefined) {
        await this.#turn(request);
      } else if (this.#mustWindDown() || !this.#waits) {
        return;
      } else {
        await this.#waiter.wait(Infinity);
        await nextTick();
      }
    }
  }

  /** Fills the batch that has waited longest, where more was due. */
  async #fill([type, most, filled]: Parameters<GatherRoom["fill"]>): Promise<void> {
    const slots = Math.min(most, this.#options.maxJobs - this.#statements.picked);
    const { answer, suspectsPickUp } = this.#statements;
    if (slots > 0 && this.#stoppedBy === undefined && answer?.more === true && !suspectsPickUp) {
      const flush = this.#flush;
      await this.#turn({ pickUp: this.#pickUpOf([type], slots, 0, "skipped") });
      this.#statements.askedForOneType(answer);
      this.#poll = true;
      this.#flush ||= flush;
    }
    filled();
  }

  /** Whether there is something to wait for: the end of a job, or of what somebody else has locked. */
  get #waits(): boolean {
    return this.#slots.running > 0 || (this.#pollsSoon && this.#stoppedBy === undefined);
  }

  /** The next turn, or undefined where there is reason to wait. */
  #request(): DrainTurn | undefined {
    const pickUp = this.#pickUp();
    if (this.#slots.settlementQueue.suspects && this.#budget.affords(2) && !this.#mustWindDown())
      return this.#statements.settleOnly();
    if (pickUp !== undefined && this.#turnIsDue() && this.#statements.suspectsPickUp) return { pickUp };
    if (pickUp !== undefined && this.#turnIsDue())
      return {
        pickUp,
        settlements: this.#slots.settlementQueue.next(),
        ...this.#reap(),
        schedules: this.#statements.asks,
      };
    // What has ended must not run again, should this process die: where statements
    // are not counted, it waits neither for a buffer to end nor for the last handler.
    const settles =
      this.#flush && this.#slots.settlementQueue.size > 0 && this.#options.maxStatements === Infinity;
    return settles && !this.#mustWindDown() ? this.#statements.settleOnly() : undefined;
  }

  /** A limit that was reached stops the picking up; the first one is reported, but for a shutdown. */
  #stopIfOver(): void {
    if (this.#options.signal?.aborted === true) this.#stoppedBy = "signal";
    else if (this.#timeUp) this.#stoppedBy ??= "budget";
    else if (this.#statements.picked >= this.#options.maxJobs) this.#stoppedBy ??= "maxJobs";
    else if (!this.#budget.affords(2)) this.#stoppedBy ??= "maxStatements";
  }

  /** Handlers may go on after the last pick-up or a failure, but not beyond the reserve or a shutdown. */
  #mustWindDown(): boolean {
    return this.#timeUp || this.#stoppedBy === "signal";
  }

  /** Something may be due, and enough slots are free; or there has been enough waiting for that. */
  #turnIsDue(): boolean {
    const enough =
      this.#slots.free >= this.#options.concurrency / 2 || this.#slots.running === 0 || this.#flush;
    return this.#poll && this.#slots.buffered === 0 && enough;
  }

  #pickUp(): PickUp | undefined {
    const { types, batchSize, maxJobs } = this.#options;
    const batch = Math.min(batchSize, maxJobs - this.#statements.picked);
    const slots = Math.min(this.#slots.free, batch);
    if (this.#stoppedBy !== undefined || slots < 1) return undefined;
    const startable = types.filter((type) => this.#fits(type));
    if (startable.length === 0 && types.length > 0) {
      this.#stoppedBy = "budget";
      return undefined;
    }
    // Nothing may run beside a suspect: it waits outside until nothing does.
    return this.#pickUpOf(startable, slots, batch - slots, this.#slots.held > 0 ? "skipped" : "taken");
  }

  #pickUpOf(
    types: readonly string[],
    slots: number,
    buffer: number,
    suspects: NonNullable<PickUp["suspects"]>,
  ): PickUp {
    const places = { types, slots, buffer };
    // A share may turn out too small, which costs a statement.
    const shares = this.#options.maxStatements === Infinity ? this.#shares.of(places) : undefined;
    return drainPickUp(this.#options, this.#budget, { ...places, shares, suspects });
  }

  /** A drain reaps first, and on until nothing is left: what it reaps it runs. */
  #reap(): Pick<TurnRequest, "reap"> {
    const { defaultTimeoutSeconds } = this.#options;
    return this.#statements.reaps ? { reap: { defaultTimeoutSeconds } } : {};
  }

  #fits(type: string): boolean {
    return this.#estimates.fits(type, this.#budget.unstartedMs);
  }

  #start(): void {
    if (this.#mustWindDown() || this.#options.signal?.aborted === true) return;
    this.#slots.start();
    if (this.#slots.running === 0 && this.#slots.buffered > 0) this.#stoppedBy ??= "budget";
  }

  #ended(type: string, ranMs: number): void {
    this.#estimates.observe(type, ranMs);
    this.#poll = true;
    // A turn may be under way, and slots must not wait for its answer.
    this.#start();
    this.#flushSoon();
    this.#waiter.wake();
  }

  /** Ended jobs wait for others so long, from the first since the last statement. */
  #flushSoon(): void {
    const { statements } = this.#budget;
    if (this.#flushAfter === statements) return;
    this.#flushAfter = statements;
    this.#after(SETTLE_WITHIN_MS, () => {
      this.#flush ||= this.#budget.statements === statements;
    });
  }

  async #turn(request: DrainTurn): Promise<void> {
    this.#flush = false;
    this.#poll = false;
    if (!(await this.#statements.turn(request, this.#budget.untilLastSettlementMs)))
      this.#stoppedBy = "error";
    else {
      if (this.#statements.answer !== undefined)
        this.#shares.answered(request.pickUp, this.#statements.answer);
      // A job that ended meanwhile may have enqueued what this turn's snapshot did not show.
      const ticked = await this.#statements.tick();
      this.#poll ||= ticked || this.#statements.more;
    }
    if (request.pickUp.slots > 0) this.#pollSoonIfContended();
    if (this.#budget.handlersMs <= 0) this.#timeUp = true;
  }

  /** An overlapping pick-up locks more than it takes, and has then let go what it left. */
  #pollSoonIfContended(): void {
    const contended = this.#statements.answer?.contended === true;
    this.#contendedPolls = contended ? this.#contendedPolls + 1 : 0;
    if (!contended || this.#contendedPolls > MAX_CONTENDED_POLLS) return;
    this.#pollsSoon = true;
    this.#after(stepOf(SOON_MS, this.#contendedPolls), () => {
      this.#pollsSoon = false;
      this.#poll = true;
    });
  }

  /** Gives back what did not start, aborts what runs, and settles all that ends while there is time. */
  async #windDown(): Promise<void> {
    this.#slots.releaseBuffered();
    const shutdown = this.#stoppedBy === "signal";
    this.#slots.abort(shutdown ? "shutdown" : "deadline");
    let patient = true;
    this.#after(
      shutdown
        ? Math.min(this.#budget.reserveMs, this.#budget.untilLastSettlementMs)
        : this.#budget.untilLastSettlementMs,
      () => {
        patient = false;
      },
    );
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the timer changes it
    while (patient && this.#slots.running > 0) await this.#waiter.wait(Infinity);
    this.#slots.giveUp();
    await this.#statements.releaseLost();
    await this.#statements.settleRest();
  }

  #after(ms: number, act: () => void): void {
    this.#budget.after(this.#timers, ms, () => {
      act();
      this.#waiter.wake();
    });
  }
}
