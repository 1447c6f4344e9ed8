import type { JobContracts, UntypedJobs } from "../core/contract.ts";
import { causesText } from "../core/error-text.ts";
import { UnknownOutcomeError, isPqrunError } from "../core/errors.ts";
import type { PickedUpJob } from "../core/job.ts";
import type { TurnAnswer, TurnRequest } from "../core/turn.ts";
import { EventCounts, jobEvent, teller, type OutcomeCounts } from "./job-event.ts";
import { JobSlots } from "./job-slots.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { LookSchedule } from "./look-schedule.ts";
import { LostPickUps } from "./lost-pick-ups.ts";
import { PickUps } from "./pick-ups.ts";
import { TurnTiming } from "./turn-timing.ts";
import { TOO_LATE, Timers, Waiter, within } from "./wait.ts";
import { WakeListener } from "./wake-listener.ts";
import { checkWorker } from "./worker-options.ts";
import type { CheckedWorker, WorkerOptions } from "./worker-options.ts";

/** How long a handler that lost its lease may still end by itself. */
const LOST_GRACE_MS = 1_000;
/** How long before the end of a stop the last settlement leaves. */
const STOP_MARGIN_MS = 500;

/**
 * Runs jobs for as long as its process lives.
 *
 * ```ts
 * await using worker = new Worker({ store, handlers, concurrency: 10 }).start();
 * ```
 */
export class Worker<J extends JobContracts = UntypedJobs, Tx = never> {
  readonly #options: CheckedWorker;
  readonly #events: EventCounts;
  readonly #slots: JobSlots;
  readonly #waiter = new Waiter();
  readonly #schedule: LookSchedule;
  readonly #pickUps: PickUps;
  readonly #leases: LeaseKeeper;
  readonly #lost: LostPickUps;
  readonly #timers = new Timers();
  readonly #timing: TurnTiming;
  #id = "";
  #listener: WakeListener | undefined;
  #loop: Promise<void> | undefined;
  #stopListening: (() => void) | undefined;
  #stopping = false;
  /** When a stop ends, whatever it waits for. */
  #stopBy = Infinity;
  /** Whether a stop has lasted for the whole shutdown timeout. */
  #timeOver = false;

  /** Checks its options and starts nothing: it may stand at a module's top level. @throws InvalidInputError */
  constructor(options: WorkerOptions<J, Tx>) {
    this.#options = checkWorker(options);
    this.#events = new EventCounts(teller(this.#options.onEvent, this.#options.logger));
    this.#slots = new JobSlots({
      slots: this.#options.concurrency,
      runJob: this.#options.runJob,
      tell: this.#events.tell,
      // A process that was stopped for a while finds its buffer first, and only then its timers.
      mayStart: (job) => this.#leases.isLive(job),
      onEnd: (job, ranMs) => {
        this.#jobEnded(job, ranMs);
      },
    });
    this.#schedule = new LookSchedule(this.#options);
    this.#timing = new TurnTiming(this.#options);
    this.#pickUps = new PickUps(this.#options, this.#slots, this.#timing.size);
    this.#leases = new LeaseKeeper(this.#options, (job, how) => {
      this.#leaseGone(job, how);
    });
    this.#lost = new LostPickUps(this.#options);
  }

  /** What has happened to jobs so far, by what the database answered. */
  get counts(): OutcomeCounts {
    return this.#events.counts();
  }

  /** Starts; once. A worker that is not enabled (WORKER_ENABLED=false) stays as it is. */
  start(): this {
    const { enabled, logger, store, safetyPollMs, now } = this.#options;
    if (!enabled) logger.info("the worker is not enabled");
    if (!enabled || this.#loop !== undefined || this.#stopping) return this;
    this.#id = this.#options.workerId ?? `worker-${crypto.randomUUID().slice(0, 8)}`;
    const onWake = (): void => {
      this.wake();
    };
    this.#stopListening = store.onEnqueue(onWake);
    // The guard's row is this start's own: two workers may bear one readable id.
    const worker = `${this.#id}:${crypto.randomUUID()}`;
    this.#listener = new WakeListener({ store, worker, safetyPollMs, logger, now, onWake });
    void this.#listener.start();
    this.#loop = this.#work().finally(() => this.#listener?.stop());
    return this;
  }

  /** Runs until `signal` fires, then stops. */
  async run(signal?: AbortSignal): Promise<void> {
    let onAbort = (): void => undefined;
    const stopped = new Promise<void>((resolve) => {
      onAbort = () => {
        resolve(this.stop());
      };
    });
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted === true) onAbort();
    this.start();
    // A stop may give up on a loop that waits for a database that answers no more.
    await (this.#loop === undefined ? undefined : Promise.race([this.#loop, stopped]));
    signal?.removeEventListener("abort", onAbort);
  }

  /** Looks for work now. Enqueues through the worker's own store do this by themselves. */
  wake(): void {
    this.#schedule.lookNow();
    this.#waiter.wake();
  }

  /**
   * Stops: picks up no more, lets handlers finish for the grace, aborts them,
   * gives back what did not start or ended upon the abort, and is over within
   * the shutdown timeout. A handler that ignores its signal keeps its lease
   * until that runs out. Called again with `graceMs: 0`, it aborts at once.
   */
  async stop({ graceMs = this.#options.graceMs }: { readonly graceMs?: number } = {}): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#stopBy = this.#options.now() + this.#options.shutdownMs;
      for (const job of this.#slots.releaseBuffered()) this.#leases.drop(job);
      this.#timing.gather();
      const hardMs = Math.max(0, this.#options.shutdownMs - STOP_MARGIN_MS);
      this.#after(hardMs, () => {
        this.#slots.giveUp();
        this.#timeOver = true;
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
      const request = this.#request(now);
      if (request !== undefined) await this.#turn(request, now);
      else if (now >= this.#lost.nextAt && !this.#timeOver) await this.#findLost();
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
    return this.#stopping && (this.#timeOver || (this.#slots.running === 0 && this.#slots.outbox.size === 0));
  }

  /** The next turn, or undefined where there is reason to wait. */
  #request(now: number): TurnRequest | undefined {
    if (now < this.#timing.notBefore && !this.#timeOver) return undefined;
    if (this.#timeOver && this.#timing.failures > 0) return undefined;
    const { outbox } = this.#slots;
    // A turn is never sent twice: after an unknown outcome, or a refusal, what was to be settled goes alone.
    const alone = outbox.size > 0 && (this.#timing.failures > 0 || outbox.suspects);
    const looks = !alone && !this.#stopping && this.#looks(now);
    const settle =
      (outbox.ready > 0 && this.#hasGathered(now)) ||
      (outbox.busyMs > 0 && now >= this.#timing.settledAt + outbox.busyMs);
    const reap = !this.#stopping && !alone && this.#schedule.reapIsDue(now, looks);
    const lower =
      this.#stopping && this.#timing.failures === 0 && this.#listener?.lower().guard !== undefined;
    if (!looks && !settle && !reap && !lower) return undefined;
    return {
      settlements: outbox.next(this.#timing.size.most),
      // Whoever settles may as well look.
      pickUp: alone || this.#stopping ? undefined : this.#pickUps.next(this.#id, now),
      ...(reap ? { reap: { staleTimeoutSeconds: this.#options.staleTimeoutSeconds } } : {}),
      running: reap ? this.#leases.ids() : [],
      ...(lower ? this.#listener?.lower() : this.#listener?.parts()),
    };
  }

  /** Whether it is time to look and enough room, or nothing to do. */
  #looks(now: number): boolean {
    if (now < this.#schedule.lookAt) return false;
    const { room } = this.#pickUps;
    if (room === 0) return false;
    this.#timing.gather();
    return room >= this.#slots.held || this.#hasGathered(now);
  }

  #hasGathered(now: number): boolean {
    return this.#slots.held === 0 || this.#timeOver || now >= this.#timing.gatheredAt;
  }

  #sleepMs(now: number): number {
    // After a failure all waits for the loop's policy, and then something is to be done.
    const { notBefore, gatheredAt, settledAt } = this.#timing;
    if (now < notBefore) return notBefore - now;
    const { lookAt, reapAt } = this.#schedule;
    // A worker without a free slot is woken by the end of a job.
    const look = this.#pickUps.room === 0 || lookAt <= now ? Infinity : lookAt;
    const { busyMs } = this.#slots.outbox;
    const settle = Math.min(gatheredAt, busyMs === 0 ? Infinity : settledAt + busyMs);
    const next = this.#stopping ? settle : Math.min(look, reapAt, settle, this.#lost.nextAt);
    // Never without letting the event loop run.
    return Math.max(next - now, 1);
  }

  async #turn(request: TurnRequest, sentAt: number): Promise<void> {
    const { store, leaseMs } = this.#options;
    this.#timing.sent();
    this.#schedule.sent();
    try {
      const answer = await within(leaseMs / 2, (signal) => store.turn(request, { signal }));
      if (answer === TOO_LATE) throw new UnknownOutcomeError("turn", new Error("no answer came in time"));
      this.#take(request, answer, sentAt);
    } catch (error) {
      this.#failed(request, error, sentAt);
    }
  }

  #take(request: TurnRequest, answer: TurnAnswer, sentAt: number): void {
    this.#slots.outbox.answered(answer.settlements);
    this.#timing.answered(answer.settlements.length > 0);
    this.#events.tellReaped(answer);
    for (const job of answer.jobs) this.#hold(job, sentAt);
    if (this.#slots.outbox.ready > 0) this.#timing.gather();
    this.#listener?.answered(request, answer);
    const now = this.#options.now();
    const { pickUp } = request;
    const looked = pickUp !== undefined;
    if (looked) this.#pickUps.answered(pickUp, answer, sentAt, now);
    const idleMs = looked && !answer.more ? this.#listener?.idleMs() : undefined;
    this.#schedule.mayReap(answer, now, request.reap !== undefined, idleMs);
    if (looked) this.#schedule.looked(answer, now, idleMs);
  }

  #failed(request: TurnRequest, error: unknown, sentAt: number): void {
    const { settlements = [], pickUp, reap } = request;
    this.#listener?.failed(request);
    this.#pickUps.failed();
    const alone = pickUp === undefined && reap === undefined;
    this.#timing.size.failed(error, request);
    // A refusal says that the database is well: only a failure waits.
    if (!this.#slots.outbox.refused(settlements, error, alone)) this.#timing.failed();
    if (this.#slots.outbox.size > 0) this.#timing.gather();
    if (pickUp !== undefined && isPqrunError(error, "unknown-outcome"))
      this.#lost.add(pickUp.lockedBy, sentAt);
    this.#schedule.failed(request, error, this.#options.now());
    this.#options.logger.warn("a turn failed", { failures: this.#timing.failures, error: causesText(error) });
  }

  async #findLost(): Promise<void> {
    const { leaseMs, now } = this.#options;
    for (const { job, sentAt } of await this.#lost.find()) {
      if (this.#leases.has(job)) continue;
      // A lease that may end before it is extended is no ground to start on.
      if (now() - sentAt > leaseMs / 2) this.#slots.release(job);
      else this.#hold(job, sentAt);
    }
    if (this.#slots.outbox.ready > 0) this.#timing.gather();
  }

  #hold(job: PickedUpJob, grantedAt: number): void {
    if (this.#stopping) {
      this.#slots.release(job);
      return;
    }
    this.#leases.hold(job, grantedAt);
    this.#slots.add(job);
  }

  #jobEnded(job: PickedUpJob, ranMs: number): void {
    this.#leases.drop(job);
    this.#pickUps.observe(ranMs);
    this.#timing.gather();
    this.#slots.start();
    this.#waiter.wake();
  }

  #leaseGone(job: PickedUpJob, how: "lost" | "cancelled" | "unextended"): void {
    const run = this.#slots.take(job);
    if (run === undefined) {
      this.#events.tell(jobEvent(how === "unextended" ? "lost" : how, job));
    } else if (how !== "unextended") {
      run.abandon(how);
    } else {
      run.abort("lost");
      this.#after(LOST_GRACE_MS, () => {
        run.giveUp();
      });
    }
  }
}
