import { stepOf } from "../../core/delay-policies.ts";
import type { NewJob } from "../../core/enqueue/enqueue.ts";
import type { Logger } from "../../core/logger.ts";
import type { PgJobStore } from "../../core/store.ts";
import type { JobContracts } from "../../core/contract.ts";
import type { TurnAnswer } from "../../core/turn/turn-answer.ts";
import type { TurnRequest } from "../../core/turn/turn-request.ts";
import { readWakeMessage } from "../../core/values/wake-message.ts";
import { ActivityMonitor } from "./activity.ts";
import { SOON_MS } from "../wait.ts";
import { ListenKeeper } from "./listen-keeper.ts";

/** How soon a busy worker that is not notified polls again. */
const BUSY_POLL_MS = 5;
/** How much longer than a safety poll a guard stands, so that a late poll finds it standing. */
const GUARD_MARGIN_MS = 10_000;
/** How long a guard stands at most: that of a worker that was killed has inserts notify for as long. */
const LONGEST_GUARD_MS = 86_400_000;
/** How long a worker sleeps at most, so that it finds its guard standing. */
const LONGEST_SLEEP_MS = LONGEST_GUARD_MS - 3_600_000;
/**
 * How soon a guard is lowered again: while somebody holds an old snapshot, each time that it is raised and lowered
 * leaves two dead rows, which every insert has to pass by until the guard would have ended.
 */
const LOWER_AGAIN_MS = 10_000;

/** What {@link WakeListener} has to know. */
export interface WakeListenerOptions {
  readonly store: PgJobStore<JobContracts>;
  readonly worker: string;
  /** What it has handlers for. */
  readonly types: readonly string[];
  readonly safetyPollMs: number;
  readonly logger: Logger;
  readonly now: () => number;
  /** Called when there may be work that nothing was heard of, and when the first probe has been heard. */
  readonly onWake: () => void;
  /**
   * Called when somebody has told of work.
   *
   * @param dueAt when it is due, on the worker's clock
   * @param sure whether it is the worker's; it may be somebody else's by now
   */
  readonly onNotified: (dueAt: number, sure: boolean) => void;
  /** Called when {@link WakeListener.nextAt} is sooner than it was. */
  readonly onSooner: () => void;
}

/**
 * What wakes an idle worker: NOTIFY, which others send only while its guard
 * stands. A writer that polled for the guard before it stood may still commit,
 * so after raising it the worker polls again until every transaction then open
 * has ended.
 */
export class WakeListener {
  readonly #options: WakeListenerOptions;
  readonly #keeper: ListenKeeper;
  readonly #types: ReadonlySet<string>;
  /** How far the database's clock is ahead of the worker's, or a little less. */
  #clockAheadMs = NaN;
  /** Until when the guard is known to stand. */
  #guardUntil = -Infinity;
  /** Until when it may stand. */
  #raisedUntil = -Infinity;
  #loweredAt = -Infinity;
  /** Whether to see if it still stands. */
  #guardInDoubt = false;
  /** Transactions older than this may have missed the guard; null until a poll after the guard has said which. */
  #horizon: bigint | null = null;
  /** Turns that were under way when the guard stood: what they saw may be older than it. */
  #older = new WeakSet<TurnRequest>();
  #quiet = false;
  readonly #activity = new ActivityMonitor();
  #polls = 0;
  #pollBy = Infinity;

  constructor(options: WakeListenerOptions) {
    const { store, safetyPollMs, logger, now, onWake, onSooner } = options;
    this.#options = options;
    this.#types = new Set(options.types);
    this.#keeper = new ListenKeeper({
      ...{ listen: store.listen, channel: store.channel, safetyPollMs, logger, now, onWake, onSooner },
      onMessage: (payload) => {
        this.#hear(payload);
      },
      onDoubt: () => {
        this.#guardUntil = -Infinity;
      },
    });
  }

  /** When {@link WakeListener.tick} has something to do. */
  get nextAt(): number {
    return Math.min(this.#keeper.nextAt, this.#pollBy);
  }

  /** Whether it hears what is notified, as its last probe has shown. */
  get hears(): boolean {
    return this.#keeper.heard;
  }

  /** Until when this worker's wait marker may stand. */
  get markerUntil(): number {
    return this.#raisedUntil;
  }

  /** Begins to LISTEN. */
  async start(): Promise<void> {
    await this.#keeper.open();
  }

  /** Does what is due by now. */
  tick(now: number): void {
    this.#keeper.tick(now);
    if (now < this.#pollBy) return;
    this.#pollBy = Infinity;
    this.#options.onWake();
  }

  /** What the next turn should carry for the listener. */
  parts(): Pick<TurnRequest, "guard" | "probe"> {
    const now = this.#options.now();
    const { busy, backlog } = this.#activity;
    if (busy && now >= this.#loweredAt + LOWER_AGAIN_MS) return this.lower();
    const probe = this.#keeper.probe(now);
    const renews =
      probe !== undefined || this.#guardInDoubt || now >= this.#guardUntil - this.#longestSleepMs;
    return {
      ...(probe === undefined ? {} : { probe }),
      ...(!busy && !backlog && this.#keeper.heard && renews ? { guard: this.#guard } : {}),
    };
  }

  /**
   * Takes the guard down with the next turn: a worker that finds jobs whenever it polls need not be notified of more,
   * and writers that notify wait for each other's commits.
   */
  lower(): Pick<TurnRequest, "guard"> {
    return this.#raisedUntil <= this.#options.now()
      ? {}
      : { guard: { worker: this.#options.worker, forMs: 0 } };
  }

  /**
   * Learns from a turn that was answered.
   *
   * @param underWay all that were sent and had not been answered before
   */
  answered(request: TurnRequest, answer: TurnAnswer, underWay: readonly TurnRequest[]): void {
    const { guard, pickUp } = request;
    const now = this.#options.now();
    this.#keeper.answered(request);
    this.#pollBy = now + LONGEST_SLEEP_MS;
    this.#readClock(answer, now);
    if (pickUp !== undefined) this.#activity.polled(answer, now);
    if (guard?.forMs === 0) {
      [this.#guardUntil, this.#raisedUntil, this.#loweredAt] = [-Infinity, -Infinity, now];
    } else if (guard !== undefined) {
      const renewed = this.#guardUntil > now && answer.stood;
      this.#guardUntil = this.#raisedUntil = now + guard.forMs;
      this.#guardInDoubt = false;
      if (renewed) return;
      [this.#horizon, this.#quiet, this.#polls] = [null, false, 0];
      this.#older = new WeakSet(underWay);
    } else if (this.#guardUntil !== -Infinity && !this.#quiet && !this.#older.has(request)) {
      this.#horizon ??= answer.snapshot.next;
      this.#quiet = answer.snapshot.oldest >= this.#horizon;
    }
  }

  /** Forgets what a turn that failed was to bring about: the probe, and the guard, which a crash of the server takes down. */
  failed(request: TurnRequest, error: unknown): void {
    this.#keeper.failed(request, error);
    if (request.guard?.forMs !== 0) this.#guardUntil = -Infinity;
  }

  /** How long an idle worker may sleep, in milliseconds; undefined where it can't rely on being woken. */
  idleMs(): number | undefined {
    if (!this.#keeper.heard) return this.#keeper.asleep ? Infinity : undefined;
    if (this.#guardUntil === -Infinity) return this.#activity.busy ? BUSY_POLL_MS : 0;
    if (this.#quiet) return this.#options.safetyPollMs;
    this.#polls += 1;
    return stepOf(SOON_MS, this.#polls);
  }

  /** Ends LISTEN, or sees to it that it ends as soon as it has begun. */
  async stop(): Promise<void> {
    this.#pollBy = Infinity;
    await this.#keeper.stop();
  }

  get #longestSleepMs(): number {
    return Math.min(this.#options.safetyPollMs, LONGEST_SLEEP_MS);
  }

  get #guard(): NonNullable<TurnRequest["guard"]> {
    const { worker, types, safetyPollMs } = this.#options;
    return { worker, types, forMs: Math.min(2 * safetyPollMs + GUARD_MARGIN_MS, LONGEST_GUARD_MS) };
  }

  /** The answer took a while, so that by this clock a job may be due a little late, but not early. */
  #readClock({ clockMs }: TurnAnswer, now: number): void {
    if (Number.isNaN(clockMs)) return;
    const aheadMs = clockMs - now;
    // The greatest recent value is the nearest; clocks are put right now and then.
    this.#clockAheadMs = Number.isNaN(this.#clockAheadMs)
      ? aheadMs
      : Math.max(aheadMs, this.#clockAheadMs - 1);
  }

  /** Learns what was enqueued through the worker's own store. */
  enqueued(jobs: readonly NewJob[]): void {
    let dueMs = Infinity;
    for (const { type, runAfter, delayMs = 0 } of jobs) {
      if (!this.#types.has(type)) continue;
      if (runAfter === null && delayMs === 0) {
        this.#options.onWake();
        return;
      }
      const jobDueMs = runAfter === null ? this.#databaseNow() + delayMs : Date.parse(runAfter);
      dueMs = Math.min(dueMs, jobDueMs);
    }
    this.#due(dueMs);
  }

  /** NaN until the database's clock is known. */
  #databaseNow(): number {
    return this.#options.now() + this.#clockAheadMs;
  }

  #hear(payload: string): void {
    const { now, onNotified } = this.#options;
    const types = readWakeMessage(payload);
    if (types === undefined) {
      // Also what a table says of those who wait when it is emptied.
      this.#guardInDoubt = true;
      onNotified(now(), false);
      return;
    }
    this.#due(Math.min(...types.filter(({ type }) => this.#types.has(type)).map(({ dueMs }) => dueMs)));
  }

  /** @param dueMs by the database's clock; Infinity for no job of the worker's */
  #due(dueMs: number): void {
    if (dueMs === Infinity) return;
    const { now, onNotified } = this.#options;
    const dueAt = dueMs - this.#clockAheadMs;
    onNotified(Number.isNaN(dueAt) ? now() : Math.max(now(), dueAt), true);
  }
}
