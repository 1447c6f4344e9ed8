import type { PickedUpJob } from "../../core/job.ts";
import type { TurnAnswer } from "../../core/turn/turn-answer.ts";
import type { TurnRequest } from "../../core/turn/turn-request.ts";
import { EventCounts, eventEmitter, jobEvent, type OutcomeCounts } from "../job/job-event.ts";
import { JobSlots } from "../job/job-slots.ts";
import { UNBOUNDED } from "../job/step-room.ts";
import { momentOf, type Moment } from "../moment.ts";
import { RunnerErrors } from "../runner-error.ts";
import { Waiter, answerWithin } from "../wait.ts";
import { fillBatch, type FillSources } from "./batch-fills.ts";
import { poolHasEnded } from "./ended-pool.ts";
import { FirstTurn } from "./first-turn.ts";
import { holdJob } from "./hold-job.ts";
import { LeaseKeeper, type LeaseGone } from "./lease-keeper.ts";
import { LostPickups } from "./lost-pickups.ts";
import { PickupPlanner } from "./pickup-planner.ts";
import { turnOf, type TurnSources } from "./planned-turn.ts";
import { PollSchedule } from "./poll-schedule.ts";
import { prunersOf } from "./pruner.ts";
import { startListening } from "./start-listening.ts";
import { Ticker } from "./ticker.ts";
import { TurnPacing } from "./turn-pacing.ts";
import { idleMs, isOver, planTurns, searchIsDue } from "./turn-planner.ts";
import type { TurnKind, WorkerView } from "./turn-planner.ts";
import type { Upkeep } from "./upkeep.ts";
import { healthOf, type WorkerHealth } from "./worker-health.ts";
import type { CheckedWorker } from "./worker-options.ts";
import { notStarted, viewOf, type LoopState, type ViewedParts } from "./worker-view.ts";

/**
 * Jobs of no length end in the moment that they start, and the next ones start: a thousand of them would keep the turn
 * that picks up more from leaving for 5 ms, while the server has nothing to do.
 */
const BURST = 100;

/**
 * All that a worker holds and knows, and the loop that lives by it: it sends the turns that {@link planTurns} calls for,
 * and applies what the database answers, or does not.
 */
export class WorkerLoop {
  readonly #options: CheckedWorker;
  readonly #state: LoopState = notStarted();
  readonly #viewed: ViewedParts;
  readonly #sources: TurnSources;
  readonly #fills: FillSources;
  readonly #waiter = new Waiter();
  readonly #events: EventCounts;
  readonly #errors: RunnerErrors;
  readonly #slots: JobSlots;
  readonly #schedule: PollSchedule;
  readonly #pacing: TurnPacing;
  readonly #pickups: PickupPlanner;
  readonly #leases: LeaseKeeper;
  readonly #lost: LostPickups;
  readonly #ticker: Ticker;
  /** What goes on beside the turns. */
  readonly #upkeep: readonly Upkeep[];
  readonly #first = new FirstTurn(() => {
    // Without a grace: nothing was ever picked up.
    this.#state.stopping = true;
    this.#state.timeOver = true;
    this.#waiter.wake();
  });
  #started = false;

  constructor(options: CheckedWorker) {
    this.#options = options;
    this.#events = new EventCounts(eventEmitter(options.onEvent, options.logger));
    this.#errors = new RunnerErrors(options);
    this.#slots = new JobSlots({
      slots: options.concurrency,
      burst: BURST,
      runJob: options.runJob,
      stepRoom: { ...UNBOUNDED, leaseMs: options.leaseMs, stopping: () => this.#state.stopping },
      emit: this.#events.emit,
      fill: (...batch) => void fillBatch(this.#fills, ...batch),
      // A process that was stopped for a while finds its buffer first, and only then its timers.
      mayStart: (job) => this.#leases.isLive(job),
      onEnd: (job, ranMs) => {
        this.#jobEnded(job, ranMs);
      },
    });
    this.#schedule = new PollSchedule(options);
    this.#pacing = new TurnPacing(options);
    this.#pickups = new PickupPlanner(options, this.#slots, this.#pacing.size);
    const wakes = (): void => {
      this.#waiter.wake();
    };
    this.#leases = new LeaseKeeper({ ...options, errors: this.#errors, onRevived: wakes }, (job, how) => {
      this.#leaseGone(job, how);
    });
    this.#lost = new LostPickups({ ...options, errors: this.#errors });
    this.#ticker = new Ticker({
      ...{ ...options, errors: this.#errors },
      onTicked: () => {
        this.pollNow();
      },
      onRefused: (error) => {
        this.#first.refused(error);
      },
    });
    this.#upkeep = [this.#ticker, ...prunersOf({ ...options, errors: this.#errors, onLooked: wakes })];
    const shared = { state: this.#state, slots: this.#slots, pacing: this.#pacing, pickups: this.#pickups };
    this.#viewed = { ...shared, schedule: this.#schedule, lost: this.#lost, upkeep: this.#upkeep };
    this.#sources = { ...shared, options, leases: this.#leases, ticker: this.#ticker };
    const told = { events: this.#events, errors: this.#errors, lost: this.#lost, waiter: this.#waiter };
    this.#fills = { ...shared, ...told, options, leases: this.#leases };
  }

  /** Whether nothing is picked up any more. */
  get stopping(): boolean {
    return this.#state.stopping;
  }

  /** What has happened to jobs so far, by what the database answered. */
  get counts(): OutcomeCounts {
    return this.#events.counts();
  }

  /** What is known without asking the database. */
  get health(): WorkerHealth {
    return healthOf(this.#started, this.#state, this.#slots, this.#errors);
  }

  /** Learns that the caller waits for `run`, and gets what waiting does not mend. */
  observe(): void {
    this.#first.observe();
  }

  /** @throws what the first turn failed with, where the caller waits for `run` */
  throwIfFailed(): void {
    this.#first.throwIfFailed();
  }

  /** Ends once the loop is told to stop, started or not. */
  async untilStopping(): Promise<void> {
    await this.#waiter.until(() => this.#state.stopping);
  }

  /** Works until it is over: stopped, and all that was held settled or given up. */
  start(workerId: string): Promise<void> {
    this.#started = true;
    this.#state.workerId = workerId;
    this.#slots.open();
    const { listener, stop } = startListening(this.#options, {
      id: workerId,
      schedule: this.#schedule,
      waiter: this.#waiter,
      ticker: this.#ticker,
    });
    this.#state.listener = listener;
    return this.#work(stop).finally(() => listener.stop());
  }

  /** There may be work. */
  pollNow(): void {
    this.#schedule.pollNow();
    this.#waiter.wake();
  }

  /** Picks up no more, and gives back what has not started. */
  stopPickingUp(): void {
    this.#state.stopping = true;
    for (const work of this.#upkeep) work.stop?.();
    for (const job of this.#slots.releaseBuffered()) this.#leases.drop(job);
    this.#pacing.gather();
    this.#waiter.wake();
  }

  /** Aborts every handler. */
  abort(): void {
    this.#slots.abort("shutdown");
    this.#waiter.wake();
  }

  /** Waits for no handler any longer: one more turn settles what it can. */
  giveUp(): void {
    this.#slots.giveUp();
    this.#state.timeOver = true;
    this.#waiter.wake();
  }

  async #work(stopListening: () => void): Promise<void> {
    for (;;) {
      this.#slots.start();
      const now = this.#options.now();
      if (searchIsDue(this.#view(), now)) void this.#searchLost();
      else if (this.#sendTurns(now)) continue;
      else if (isOver(this.#view())) break;
      else await this.#waiter.wait(idleMs(this.#view(), now));
    }
    this.#leases.stop();
    stopListening();
  }

  #view(): WorkerView {
    return viewOf(this.#viewed);
  }

  /** Sends the turns that are due. @returns whether any was */
  #sendTurns(now: number): boolean {
    if (!this.#state.stopping) {
      this.#state.listener?.tick(now);
      for (const work of this.#upkeep) work.tick(now);
    }
    const { gathers, settleOnly, whole } = planTurns(this.#view(), now);
    if (gathers) this.#pacing.gather();
    // Both are made before either is sent: what is sent has gathered no longer.
    const settles = settleOnly && turnOf(settleOnly, this.#sources, now);
    const does = whole && turnOf(whole, this.#sources, now);
    if (settles !== undefined) this.#send("settleOnly", settles, now);
    if (does !== undefined) this.#send("whole", does, now);
    return settles !== undefined || does !== undefined;
  }

  #send(kind: TurnKind, request: TurnRequest, now: number): void {
    const { underWay } = this.#state;
    underWay[kind] = request;
    this.#pacing.sent();
    if (request.pickUp !== undefined) this.#schedule.sent(now);
    void this.#turn(request).finally(() => {
      underWay[kind] = undefined;
      this.#waiter.wake();
    });
  }

  async #turn(request: TurnRequest): Promise<void> {
    const { store, leaseMs } = this.#options;
    const sentAt = momentOf(this.#options);
    try {
      const answer = await answerWithin("turn", leaseMs / 2, (signal) => store.turn(request, { signal }));
      this.#applyAnswer(request, answer, sentAt);
    } catch (error) {
      this.#applyFailure(request, error, sentAt);
    }
  }

  #applyAnswer(request: TurnRequest, answer: TurnAnswer, sentAt: Moment): void {
    const { settlementQueue } = this.#slots;
    const { listener, underWay } = this.#state;
    this.#first.answered();
    this.#errors.answered("turn");
    settlementQueue.answered(request.settlements ?? [], answer.settlements);
    this.#pacing.answered(settlementQueue.busyTries);
    this.#events.emitReaped(answer);
    for (const job of answer.jobs) holdJob(this.#fills, job, sentAt);
    if (settlementQueue.ready > 0) this.#pacing.gather();
    const now = this.#options.now();
    this.#ticker.answered(answer, now);
    const { pickUp, reap } = request;
    const seen = pickUp === undefined ? answer : this.#pickups.answered(pickUp, answer, now);
    listener?.answered(
      request,
      seen,
      Object.values(underWay).filter((sent) => sent !== undefined),
    );
    const sleepMs = pickUp !== undefined && !seen.more ? listener?.idleMs() : undefined;
    this.#schedule.mayReap(seen, now, reap !== undefined, sleepMs);
    if (pickUp !== undefined) this.#schedule.polled(seen, now, sleepMs);
    // A poll under way is too early to see what is due again.
    else if (answer.settlements.some(({ status }) => status === "READY")) this.#schedule.pollNow();
  }

  #applyFailure(request: TurnRequest, error: unknown, sentAt: Moment): void {
    const { settlements = [], pickUp, reap } = request;
    const { settlementQueue } = this.#slots;
    const { logger, now } = this.#options;
    this.#state.listener?.failed(request, error);
    const narrows = this.#pickups.failed(request, error, now());
    const settleOnly = pickUp === undefined && reap === undefined;
    this.#pacing.size.failed(error, request);
    const futile = this.#first.failed(error);
    // A refusal says that the database is well: only a failure waits.
    if (!settlementQueue.refused(settlements, error, settleOnly) && !narrows) this.#pacing.failed(futile);
    if (futile) this.#errors.cannotWork(error);
    // A part that is refused was reported with the whole.
    else if (!narrows || pickUp?.only === undefined) this.#errors.failed("turn", error);
    if (settlementQueue.size > 0) this.#pacing.gather();
    if (this.#state.stopping) this.#state.timeOver ||= poolHasEnded(error, this.#slots, logger);
    this.#lost.failed(pickUp, error, sentAt);
    this.#schedule.failed(request, error, now(), narrows);
  }

  /** Beside the loop: a statement that hangs must not keep what has ended from being settled. */
  async #searchLost(): Promise<void> {
    for (const { job, sentAt, isOld } of await this.#lost.find()) {
      if (this.#leases.has(job)) continue;
      // A lease that may end before it is extended is no ground to start on.
      if (isOld) this.#slots.release(job);
      else holdJob(this.#fills, job, sentAt);
    }
    if (this.#slots.settlementQueue.ready > 0) this.#pacing.gather();
    this.#waiter.wake();
  }

  #jobEnded(job: PickedUpJob, ranMs: number): void {
    this.#leases.drop(job);
    this.#pickups.observe(ranMs);
    this.#pacing.gather();
    this.#slots.start();
    this.#waiter.wake();
  }

  #leaseGone(job: PickedUpJob, how: LeaseGone): void {
    const run = this.#slots.withdraw(job);
    // What a handler does after it has settled its job is its own affair, and ends as DONE.
    if (run !== undefined && how === "already") return;
    if (run === undefined) this.#events.emit(jobEvent(how === "cancelled" ? how : "lost", job));
    else if (how === "lost" || how === "cancelled") run.abandon(how);
    else run.abortSoon("lost");
  }
}
