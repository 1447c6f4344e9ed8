import type { JobContracts, JobName, UntypedJobs } from "../../core/contract.ts";
import { UnknownOutcomeError } from "../../core/errors.ts";
import type { PickedUpJob } from "../../core/job.ts";
import type { TurnAnswer } from "../../core/turn/turn-answer.ts";
import type { TurnRequest } from "../../core/turn/turn-request.ts";
import { EventCounts, jobEvent, eventEmitter, type OutcomeCounts } from "../job/job-event.ts";
import { poolHasEnded } from "./ended-pool.ts";
import { FirstTurn } from "./first-turn.ts";
import { JobSlots } from "../job/job-slots.ts";
import { LeaseKeeper, type LeaseGone } from "./lease-keeper.ts";
import { PollSchedule } from "./poll-schedule.ts";
import { LostPickups } from "./lost-pickups.ts";
import { NextTurns, type TurnKind } from "./turn-planner.ts";
import { ObservedPromise } from "./observed-promise.ts";
import { PickupPlanner } from "./pickup-planner.ts";
import { RunnerErrors } from "../runner-error.ts";
import { momentOf, type Moment } from "../moment.ts";
import { logStart } from "./start-line.ts";
import { startListening } from "./start-listening.ts";
import { TurnPacing } from "./turn-pacing.ts";
import { healthOf, type WorkerHealth } from "./worker-health.ts";
import { TOO_LATE, Timers, Waiter, uponAbort, within } from "../wait.ts";
import { checkWorker, type CheckedWorker, type WorkerOptions } from "./worker-options.ts";

/** How long before the end of a stop the last settlement leaves. */
const STOP_MARGIN_MS = 500;
/**
 * Jobs of no length end in the moment that they start, and the next ones start: a thousand of them would keep the turn
 * that picks up more from leaving for 5 ms, while the server has nothing to do.
 */
const BURST = 100;

/**
 * Runs jobs for as long as its process lives.
 *
 * ```ts
 * await using worker = new Worker({ store, handlers, concurrency: 10 }).start();
 * ```
 */
export class Worker<J extends JobContracts = UntypedJobs, Tx = never, N extends JobName<J> = JobName<J>> {
  readonly #options: CheckedWorker;
  readonly #events: EventCounts;
  readonly #errors: RunnerErrors;
  readonly #slots: JobSlots;
  readonly #waiter = new Waiter();
  readonly #schedule: PollSchedule;
  readonly #pickups: PickupPlanner;
  readonly #leases: LeaseKeeper;
  readonly #lost: LostPickups;
  readonly #timers = new Timers();
  readonly #pacing: TurnPacing;
  readonly #next: NextTurns;
  readonly #first = new FirstTurn(() => {
    // Without a stop: nothing was ever picked up.
    this.#next.stopping = true;
    this.#next.timeOver = true;
    this.#waiter.wake();
  });
  #loop: Promise<void> | undefined;
  #stopListening: (() => void) | undefined;
  /** When a stop ends, whatever it waits for. */
  #stopBy = Infinity;

  /** Checks its options and starts nothing: it may stand at a module's top level. @throws InvalidInputError */
  constructor(options: WorkerOptions<J, Tx, N>) {
    this.#options = checkWorker(options);
    this.#events = new EventCounts(eventEmitter(this.#options.onEvent, this.#options.logger));
    this.#errors = new RunnerErrors(this.#options);
    this.#slots = new JobSlots({
      slots: this.#options.concurrency,
      burst: BURST,
      runJob: this.#options.runJob,
      emit: this.#events.emit,
      // A process that was stopped for a while finds its buffer first, and only then its timers.
      mayStart: (job) => this.#leases.isLive(job),
      onEnd: (job, ranMs) => {
        this.#jobEnded(job, ranMs);
      },
    });
    this.#schedule = new PollSchedule(this.#options);
    this.#pacing = new TurnPacing(this.#options);
    this.#pickups = new PickupPlanner(this.#options, this.#slots, this.#pacing.size);
    const onRevived = (): void => {
      this.#waiter.wake();
    };
    this.#leases = new LeaseKeeper({ ...this.#options, errors: this.#errors, onRevived }, (job, how) => {
      this.#leaseGone(job, how);
    });
    this.#lost = new LostPickups({ ...this.#options, errors: this.#errors });
    this.#next = new NextTurns({
      ...{ options: this.#options, slots: this.#slots, schedule: this.#schedule, pacing: this.#pacing },
      ...{ pickups: this.#pickups, leases: this.#leases, errors: this.#errors, first: this.#first },
      waiter: this.#waiter,
    });
  }

  /** What has happened to jobs so far, by what the database answered. */
  get counts(): OutcomeCounts {
    return this.#events.counts();
  }

  /** Whether it works, as far as it knows: without a statement, for a health check. */
  get health(): WorkerHealth {
    return healthOf(this.#loop !== undefined, this.#next, this.#slots, this.#errors);
  }

  /** Starts; once. A worker that is not enabled (WORKER_ENABLED=false) stays as it is. */
  start(): this {
    const { enabled, logger } = this.#options;
    if (!enabled) logger.info("the worker is not enabled");
    if (!enabled || this.#loop !== undefined || this.#next.stopping) return this;
    const id = this.#options.workerId ?? `worker-${crypto.randomUUID().slice(0, 8)}`;
    this.#next.workerId = id;
    logStart(this.#options, id);
    this.#slots.open();
    const { listener, stop } = startListening(this.#options, {
      id,
      schedule: this.#schedule,
      waiter: this.#waiter,
    });
    this.#next.listener = listener;
    this.#stopListening = stop;
    this.#loop = this.#work().finally(() => listener.stop());
    return this;
  }

  /**
   * Runs until `signal` fires, then stops; so does a worker that is not enabled, without a job.
   *
   * Rejects where the first turn fails for a reason that waiting does not mend: a wrong password or role, no such database, schema
   * or table. Once a turn was answered, all failures are waited for. A worker whose `run` nobody waits for logs
   * such an error, reports it to `onError` and tries again at growing intervals, up to a minute.
   */
  run(signal?: AbortSignal): Promise<void> {
    return ObservedPromise.of(this.#run(signal), () => {
      this.#first.observe();
    });
  }

  async #run(signal: AbortSignal | undefined): Promise<void> {
    const stopped = uponAbort(signal, () => this.stop());
    this.start();
    // A stop may give up on a loop that waits for a database that answers no more.
    await Promise.race([this.#loop ?? this.#waiter.until(() => this.#next.stopping), stopped.result]);
    stopped.forget();
    this.#first.throwIfFailed();
  }

  /** Polls now. Enqueues through the worker's own store do this by themselves. */
  wake(): void {
    this.#schedule.pollNow();
    this.#waiter.wake();
  }

  /**
   * Stops: picks up no more, lets handlers finish for the grace, aborts them,
   * gives back what did not start or ended upon the abort, and is over within
   * the shutdown timeout. A handler that ignores its signal keeps its lease
   * until that runs out. Called again with `graceMs: 0`, it aborts at once.
   */
  async stop({ graceMs = this.#options.graceMs }: { readonly graceMs?: number } = {}): Promise<void> {
    if (!this.#next.stopping) {
      this.#next.stopping = true;
      this.#stopBy = this.#options.now() + this.#options.shutdownMs;
      for (const job of this.#slots.releaseBuffered()) this.#leases.drop(job);
      this.#pacing.gather();
      const hardMs = Math.max(0, this.#options.shutdownMs - STOP_MARGIN_MS);
      this.#after(hardMs, () => {
        this.#slots.giveUp();
        this.#next.timeOver = true;
      });
    }
    this.#after(Math.max(0, graceMs), () => {
      this.#slots.abort("shutdown");
    });
    this.#waiter.wake();
    const loop = this.#loop ?? Promise.resolve();
    await within(this.#stopBy - this.#options.now(), () => loop);
    this.#timers.clear();
  }

  /** As {@link Worker.stop}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #work(): Promise<void> {
    for (;;) {
      this.#slots.start();
      const now = this.#options.now();
      const finds =
        now >= this.#lost.nextAt && this.#next.underWay.whole === undefined && !this.#next.timeOver;
      if (finds) void this.#findLost();
      else if (this.#send(now)) continue;
      else if (this.#isOver()) break;
      else await this.#waiter.wait(this.#sleepMs(now));
    }
    this.#leases.stop();
    this.#stopListening?.();
  }

  #after(ms: number, act: () => void): void {
    this.#timers.after(ms, () => {
      act();
      this.#waiter.wake();
    });
  }

  #isOver(): boolean {
    if (!this.#next.stopping || !this.#next.none) return false;
    // What a search finds is to be given back.
    const idle = this.#slots.running === 0 && this.#slots.settlementQueue.size === 0 && !this.#lost.searching;
    return this.#next.timeOver || idle;
  }

  #sleepMs(now: number): number {
    const finds = !this.#next.stopping && this.#next.underWay.whole === undefined;
    return Math.max(1, Math.min(this.#next.sleepMs(now), finds ? this.#lost.nextAt - now : Infinity));
  }

  /** Sends the turns that are due. */
  #send(now: number): boolean {
    const { apart, whole } = this.#next.due(now);
    if (apart !== undefined) this.#start("apart", apart, now);
    if (whole !== undefined) this.#start("whole", whole, now);
    return apart !== undefined || whole !== undefined;
  }

  #start(kind: TurnKind, request: TurnRequest, now: number): void {
    this.#next.underWay[kind] = request;
    this.#pacing.sent();
    if (request.pickUp !== undefined) this.#schedule.sent(now);
    void this.#turn(request).finally(() => {
      this.#next.underWay[kind] = undefined;
      this.#waiter.wake();
    });
  }

  async #turn(request: TurnRequest): Promise<void> {
    const { store, leaseMs } = this.#options;
    const sentAt = momentOf(this.#options);
    try {
      const answer = await within(leaseMs / 2, (signal) => store.turn(request, { signal }));
      if (answer === TOO_LATE) throw new UnknownOutcomeError("turn", new Error("no answer came in time"));
      this.#take(request, answer, sentAt);
    } catch (error) {
      this.#failed(request, error, sentAt);
    }
  }

  #take(request: TurnRequest, answer: TurnAnswer, sentAt: Moment): void {
    this.#first.answered();
    this.#errors.answered("turn");
    this.#slots.settlementQueue.answered(request.settlements ?? [], answer.settlements);
    this.#pacing.answered(this.#slots.settlementQueue.busyTries);
    this.#events.emitReaped(answer);
    for (const job of answer.jobs) this.#hold(job, sentAt);
    if (this.#slots.settlementQueue.ready > 0) this.#pacing.gather();
    const now = this.#options.now();
    this.#next.ticker.answered(answer, now);
    const { pickUp, reap } = request;
    const seen = pickUp === undefined ? answer : this.#pickups.answered(pickUp, answer, now);
    this.#next.listener?.answered(request, seen, this.#next.sent);
    const idleMs = pickUp !== undefined && !seen.more ? this.#next.listener?.idleMs() : undefined;
    this.#schedule.mayReap(seen, now, reap !== undefined, idleMs);
    if (pickUp !== undefined) this.#schedule.polled(seen, now, idleMs);
    // A poll under way is too early to see what is due again.
    else if (answer.settlements.some(({ status }) => status === "READY")) this.#schedule.pollNow();
  }

  #failed(request: TurnRequest, error: unknown, sentAt: Moment): void {
    const { settlements = [], pickUp, reap } = request;
    this.#next.listener?.failed(request, error);
    const narrows = this.#pickups.failed(request, error, this.#options.now());
    const alone = pickUp === undefined && reap === undefined;
    this.#pacing.size.failed(error, request);
    const futile = this.#first.failed(error);
    // A refusal says that the database is well: only a failure waits.
    if (!this.#slots.settlementQueue.refused(settlements, error, alone) && !narrows)
      this.#pacing.failed(futile);
    if (futile) this.#errors.cannotWork(error);
    // A part that is refused was told of with the whole.
    else if (!narrows || pickUp?.only === undefined) this.#errors.failed("turn", error);
    if (this.#slots.settlementQueue.size > 0) this.#pacing.gather();
    if (this.#next.stopping) this.#next.timeOver ||= poolHasEnded(error, this.#slots, this.#options.logger);
    this.#lost.failed(pickUp, error, sentAt);
    this.#schedule.failed(request, error, this.#options.now(), narrows);
  }

  /** Beside the loop: a statement that hangs must not keep what has ended from being settled. */
  async #findLost(): Promise<void> {
    for (const { job, sentAt, isOld } of await this.#lost.find()) {
      if (this.#leases.has(job)) continue;
      // A lease that may end before it is extended is no ground to start on.
      if (isOld) this.#slots.release(job);
      else this.#hold(job, sentAt);
    }
    if (this.#slots.settlementQueue.ready > 0) this.#pacing.gather();
    this.#waiter.wake();
  }

  #hold(job: PickedUpJob, grantedAt: Moment): void {
    if (this.#next.stopping) {
      this.#slots.release(job);
      return;
    }
    this.#leases.hold(job, grantedAt);
    this.#slots.add(job);
  }

  #jobEnded(job: PickedUpJob, ranMs: number): void {
    this.#leases.drop(job);
    this.#pickups.observe(ranMs);
    this.#pacing.gather();
    this.#slots.start();
    this.#waiter.wake();
  }

  #leaseGone(job: PickedUpJob, how: LeaseGone): void {
    const run = this.#slots.take(job);
    // What a handler does after it has settled its job is its own affair, and ends as DONE.
    if (run !== undefined && how === "already") return;
    if (run === undefined) this.#events.emit(jobEvent(how === "cancelled" ? how : "lost", job));
    else if (how === "lost" || how === "cancelled") run.abandon(how);
    else run.abortSoon("lost");
  }
}
